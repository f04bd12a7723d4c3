/** Which logics there are, for those who dial them. */
import type { Address } from '../net/transport.ts';

export interface LogicAddress {
  /** Of this logic among the others; stays the same when its address changes. */
  readonly name: string;
  readonly address: Address;
}

export interface LogicDirectory {
  readonly logics: readonly LogicAddress[];
  /** Calls `onChange` whenever `logics` is another list. */
  start(onChange: () => void): void;
  stop(): void;
}

/** A list that is known from the start: the one logic of a machine, or those of the configuration. */
export class StaticDirectory implements LogicDirectory {
  readonly logics: readonly LogicAddress[];

  constructor(logics: readonly LogicAddress[]) {
    this.logics = logics;
  }

  start(): void {}

  stop(): void {}
}
