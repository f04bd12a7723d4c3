/**
 * Who takes part. Every user has three devices, and each kind of device lives in a process with devices of its kind:
 *
 *   desktop   in memory, straight to the gate     a drop here is never the network's fault
 *   tablet    in memory, through the chaos proxy
 *   phone     state in files, killed now and then; half of them through the proxy
 *   bot       only sends, straight to the gate
 */
import type { DeviceSpec, HostSpec } from './host-messages.ts';

export interface Population {
  readonly uids: readonly string[];
  readonly hosts: readonly HostSpec[];
}

export function populate(users: number, bots: number): Population {
  const uids = Array.from({ length: users }, (_, index) => `user${index + 1}`);
  const kind = (deviceType: string, whose: readonly string[]): DeviceSpec[] =>
    whose.map((uid) => ({ name: `${uid}-${deviceType}`, uid, deviceType, sendOnly: false }));
  const half = Math.ceil(users / 2);
  const senders = Array.from({ length: bots }, (_, index): DeviceSpec => {
    const uid = `bot${index + 1}`;
    return { name: `${uid}-bot`, uid, deviceType: 'bot', sendOnly: true };
  });
  const hosts: HostSpec[] = [
    { name: 'desktops', devices: kind('desktop', uids), mortal: false, proxied: false },
    { name: 'tablets', devices: kind('tablet', uids), mortal: false, proxied: true },
    { name: 'phones', devices: kind('phone', uids.slice(0, half)), mortal: true, proxied: false },
    { name: 'far-phones', devices: kind('phone', uids.slice(half)), mortal: true, proxied: true },
    { name: 'bots', devices: senders, mortal: false, proxied: false },
  ];
  return { uids, hosts: hosts.filter((host) => host.devices.length > 0) };
}
