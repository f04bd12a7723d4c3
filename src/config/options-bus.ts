/** The option table, part 6: pushes through streams, with store.engine = "redis". */
export const BUS_OPTIONS = {
  'bus.backlogMax': {
    kind: 'integer',
    default: 10_000,
    min: 1,
    max: 10_000_000,
    unit: 'entries',
    description:
      'Entries of one partition that may wait in its stream; asynchronous pushes beyond it are answered 429. Services that write streams themselves keep to it themselves.',
    protects: 'Memory of Redis, when pushes come faster than they can be stored.',
  },
  'bus.attemptsMax': {
    kind: 'integer',
    default: 5,
    min: 3,
    max: 100,
    unit: 'attempts',
    description: 'How often an entry is tried that fails by an error or ends its logic; then it is a dead letter.',
    protects: 'A partition that one entry keeps from moving.',
  },
  'bus.deadLettersMax': {
    kind: 'integer',
    default: 10_000,
    min: 100,
    max: 10_000_000,
    unit: 'entries',
    description: 'About how many dead letters of one partition are kept; the oldest go.',
    protects: 'Memory of Redis, when a service writes nonsense.',
  },
  'bus.pollMs': {
    kind: 'integer',
    default: 1000,
    min: 50,
    max: 60_000,
    unit: 'ms',
    description:
      'How often each stream is looked at although Redis told of no new entry; the longest that an entry waits when such a hint is lost.',
  },
} as const;
