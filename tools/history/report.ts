/** What a check found: a count and a few examples for each kind of violation, and how much was looked at. */

/** Each kind of violation with what it means. */
export const VIOLATIONS = {
  lost: 'acknowledged, and a reader that reached the end never got it',
  inversion: "a sender's messages, or an application's, in another order",
  phantom: 'received what nobody sent, with another body, sender or target, or what was refused',
  crossApp: "another app's message",
  twoIds: 'two messageIds for one (app, sender, target, clientMsgId)',
  storedTwice: 'a send of unknown outcome, stored once for each attempt',
  idReused: 'one messageId for two messages',
  seqReused: 'one (epoch, seq) for two messages, also as seen by two devices',
  twoSeqs: 'one message at two seqs of one timeline and epoch',
  ownCopy: "a sender's copy that is missing on, or doubled for, the sender's other devices",
  duplicate: 'given to an application twice',
  hole: 'a seq left out without gap, own copy or resync',
  ackUnreceived: 'acknowledged by a client that had not received it',
} as const;
export type Violation = keyof typeof VIOLATIONS;

export interface Looked {
  events: number;
  clients: number;
  applications: number;
  readersAtEnd: number;
  sends: number;
  stored: number;
  failed: number;
  unknown: number;
  received: number;
  delivered: number;
  gaps: number;
  resyncs: number;
  /** Acknowledged messages that were not delivered, and whose loss the reader was told of. */
  explained: number;
  /** Acknowledged messages that a fault of the store has cost, and whose readers were told RESYNC. */
  lostByStore: number;
}

export interface Report {
  readonly ok: boolean;
  readonly looked: Readonly<Looked>;
  readonly counts: Readonly<Record<Violation, number>>;
  readonly examples: Readonly<Record<Violation, readonly string[]>>;
}

/** Collects while a check runs. */
export class Findings {
  readonly looked: Looked = {
    events: 0,
    clients: 0,
    applications: 0,
    readersAtEnd: 0,
    sends: 0,
    stored: 0,
    failed: 0,
    unknown: 0,
    received: 0,
    delivered: 0,
    gaps: 0,
    resyncs: 0,
    explained: 0,
    lostByStore: 0,
  };
  readonly #examplesMax: number;
  readonly #found = new Map<Violation, { count: number; examples: string[] }>();

  constructor(examplesMax: number) {
    this.#examplesMax = examplesMax;
  }

  add(violation: Violation, example: string): void {
    const found = this.#found.get(violation) ?? { count: 0, examples: [] };
    found.count += 1;
    if (found.examples.length < this.#examplesMax) found.examples.push(example);
    this.#found.set(violation, found);
  }

  report(): Report {
    const names = Object.keys(VIOLATIONS) as Violation[];
    const entry = <Value>(value: (name: Violation) => Value): Record<Violation, Value> =>
      Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Violation, Value>;
    return {
      ok: this.#found.size === 0,
      looked: this.looked,
      counts: entry((name) => this.#found.get(name)?.count ?? 0),
      examples: entry((name) => this.#found.get(name)?.examples ?? []),
    };
  }
}

/** A few lines for people; the last one is the verdict. */
export function formatReport(report: Report): string {
  const { looked, counts, examples } = report;
  const violations = (Object.keys(VIOLATIONS) as Violation[]).filter((name) => counts[name] > 0);
  const lines = violations.flatMap((name) => [
    `${name} ${counts[name]}: ${VIOLATIONS[name]}`,
    ...examples[name].map((example) => `    ${example}`),
  ]);
  const unexplained = violations.reduce((sum, name) => sum + counts[name], 0) - counts.lost - counts.inversion;
  return [
    ...lines,
    `${looked.sends} sends: ${looked.stored} stored, ${looked.failed} refused, ${looked.unknown} unknown`,
    `${looked.received} received, ${looked.delivered} delivered to ${looked.applications} applications, ` +
      `${looked.readersAtEnd} of them read to the end`,
    `${looked.gaps} gaps, ${looked.resyncs} resyncs, ${looked.explained} messages gone that a reader was told of, ` +
      `${looked.lostByStore} lost with the store and told`,
    `${counts.lost} lost, ${counts.inversion} inverted, ${unexplained} unexplained`,
  ].join('\n');
}

export function printReport(report: Report): void {
  console.log(formatReport(report));
}
