/** What a client asked for at login, as the flags that the connection table keeps of it. */
import { Capability } from '../protocol/index.ts';
import { ConnectionFlag } from './connection-table.ts';

export function flagsOf(capabilities: number): number {
  return (capabilities & Capability.SendOnly) !== 0 ? ConnectionFlag.SendOnly : 0;
}

export function capabilitiesOf(flags: number): number {
  return (flags & ConnectionFlag.SendOnly) !== 0 ? Capability.SendOnly : 0;
}
