/** What the store counts; read by whoever publishes metrics. */
export class StoreCounters {
  /** Script calls that wrote, the batches of partitions and the operations in them, and the messages among those. */
  calls = 0;
  batches = 0;
  operations = 0;
  sends = 0;
  /** Calls repeated because their outcome was not known or the server was away. */
  retries = 0;
  /** Acknowledged operations that a server had lost when it came back, and the epochs that began because of it. */
  lostOperations = 0;
  epochsRaised = 0;
  /** Partitions that another owner took, or may take. */
  partitionsLost = 0;
  /** Those among them that were given up because their lease could not be renewed. */
  leasesLapsed = 0;
  /** Senders' copies that another owner has to make. */
  copiesElsewhere = 0;
  /** Replicas that confirmed the last batch, and batches that fewer confirmed than were asked for. */
  replicasConfirmed = 0;
  batchesUnconfirmed = 0;
  readonly #replicasWanted: number;

  constructor(replicasWanted: number) {
    this.#replicasWanted = replicasWanted;
  }

  noteReplicas(count: number): void {
    this.replicasConfirmed = count;
    if (count < this.#replicasWanted) this.batchesUnconfirmed++;
  }
}
