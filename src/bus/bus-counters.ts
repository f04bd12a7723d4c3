/** What the consumers of the streams count; read by whoever publishes metrics. */
export class BusCounters {
  /** Calls that asked for entries. */
  reads = 0;
  /** Entries read, those read again included. */
  entriesRead = 0;
  entriesReadAgain = 0;
  pushesStored = 0;
  /** Pushes that were stored before under the same id. */
  pushesRepeated = 0;
  copiesMade = 0;
  /** Entries that waited because the store took nothing. */
  entriesRefused = 0;
  /** Copies handed over to the owners of other partitions. */
  copiesSent = 0;
  /** Dead letters by reason. */
  readonly buried: Map<string, number> = new Map();

  noteBuried(reason: string): void {
    this.buried.set(reason, (this.buried.get(reason) ?? 0) + 1);
  }
}
