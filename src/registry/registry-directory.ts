/** The logics that announce themselves, and the one of this machine, as the links to them need it. */
import { parseAddress } from '../config/addresses.ts';
import type { Address } from '../net/transport.ts';
import type { LogicAddress, LogicDirectory } from '../trunk/logic-directory.ts';
import type { LogicEntry } from './registry.ts';
import type { Roster } from './roster.ts';

/** A logic that is reached without the registry. */
export interface LocalLogic {
  readonly address: Address;
  /** Its name, if it announces itself too: one logic gets one link. */
  readonly announcedAs: string | undefined;
}

const LOCAL_NAME = 'local';

/**
 * Goes by what the registry said last, also while it is away: whether a logic lives is seen by its link, and a Redis that
 * restarts must not cut every link.
 */
export class RegistryDirectory implements LogicDirectory {
  readonly #roster: Roster<LogicEntry>;
  readonly #local: () => LocalLogic | undefined;
  #logics: readonly LogicAddress[] = [];

  /** @param local asked after every reading of the registry: it may have come only now */
  constructor(roster: Roster<LogicEntry>, local: () => LocalLogic | undefined) {
    this.#roster = roster;
    this.#local = local;
  }

  get logics(): readonly LogicAddress[] {
    return this.#logics;
  }

  start(onChange: () => void): void {
    this.#logics = this.#read();
    void this.#roster.start(() => {
      const logics = this.#read();
      if (JSON.stringify(logics) === JSON.stringify(this.#logics)) return;
      this.#logics = logics;
      onChange();
    });
  }

  stop(): void {
    this.#roster.stop();
  }

  #read(): LogicAddress[] {
    const local = this.#local();
    const announced = this.#roster.listed.flatMap(({ name, address: text }) => {
      const address = name === local?.announcedAs ? undefined : parseAddress(text);
      return address === undefined ? [] : { name, address };
    });
    const all = local === undefined ? announced : [{ name: LOCAL_NAME, address: local.address }, ...announced];
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
