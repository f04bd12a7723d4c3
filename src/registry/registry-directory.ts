/** The logics that announce themselves, as the links to them need it. */
import { parseAddress } from '../config/addresses.ts';
import type { LogicAddress, LogicDirectory } from '../trunk/logic-directory.ts';
import type { LogicEntry } from './registry.ts';
import type { Roster } from './roster.ts';

/**
 * Goes by what the registry said last, also while it is away: whether a logic lives is seen by its link, and a Redis that
 * restarts must not cut every link.
 */
export class RegistryDirectory implements LogicDirectory {
  readonly #roster: Roster<LogicEntry>;
  #logics: readonly LogicAddress[] = [];

  constructor(roster: Roster<LogicEntry>) {
    this.#roster = roster;
  }

  get logics(): readonly LogicAddress[] {
    return this.#logics;
  }

  start(onChange: () => void): void {
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
    const logics = this.#roster.listed.flatMap(({ name, address: text }) => {
      const address = parseAddress(text);
      return address === undefined ? [] : { name, address };
    });
    return logics.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
