/** What `node --test` counted, summed over several runs. */
export interface TestSummary {
  readonly tests: number;
  readonly suites: number;
  readonly pass: number;
  readonly fail: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
  readonly duration_ms: number;
  /** Tests that really ran: a file without any test counts as a test for node, but not here. */
  readonly ran: number;
  readonly skippedWithoutReason: readonly string[];
}

const NODE_COUNTERS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms'] as const;

export function emptySummary(): TestSummary {
  return {
    tests: 0,
    suites: 0,
    pass: 0,
    fail: 0,
    cancelled: 0,
    skipped: 0,
    todo: 0,
    duration_ms: 0,
    ran: 0,
    skippedWithoutReason: [],
  };
}

export function addSummaries(a: TestSummary, b: TestSummary): TestSummary {
  const counters = Object.fromEntries(NODE_COUNTERS.map((name) => [name, a[name] + b[name]]));
  return {
    ...emptySummary(),
    ...counters,
    ran: a.ran + b.ran,
    skippedWithoutReason: [...a.skippedWithoutReason, ...b.skippedWithoutReason],
  };
}

/** Node's own closing lines. */
export function formatSummary(summary: TestSummary): string {
  return NODE_COUNTERS.map((name) => `# ${name} ${Number(summary[name].toFixed(3))}`).join('\n');
}

/** Takes one of node's closing lines ("pass 12"); other text is ignored. */
export function readCounter(line: string): Partial<TestSummary> {
  const match = /^(\w+) ([\d.]+)$/.exec(line);
  const name = NODE_COUNTERS.find((counter) => counter === match?.[1]);
  return name === undefined ? {} : { [name]: Number(match?.[2]) };
}
