/** How many operations each of the last batches held: what a fence that fell back has lost is counted with it. */
const BATCHES_KEPT = 4096;

export class LossLedger {
  readonly #operations = new Uint32Array(BATCHES_KEPT);

  note(batch: number, operations: number): void {
    this.#operations[batch % BATCHES_KEPT] = operations;
  }

  /** Operations of the batches after `found` up to `acknowledged`; a lower bound beyond the last 4096. */
  lostBetween(found: number, acknowledged: number): number {
    let lost = 0;
    const from = Math.max(found + 1, acknowledged - BATCHES_KEPT + 1);
    for (let batch = from; batch <= acknowledged; batch++) lost += this.#operations[batch % BATCHES_KEPT]!;
    return lost;
  }
}
