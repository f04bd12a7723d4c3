/** The option table, part 4: Redis, for a system of more than one machine. */
export const REDIS_OPTIONS = {
  'redis.servers': {
    kind: 'addresses',
    default: '127.0.0.1:6379',
    description: 'Where Redis listens; of a cluster some of its members, from which the others are learnt.',
  },
  'redis.cluster': {
    kind: 'flag',
    default: false,
    description: 'Whether redis.servers are members of a Redis Cluster.',
  },
  'redis.username': {
    kind: 'text',
    default: '',
    description: 'User of the Redis access list; empty: the default user.',
  },
  'redis.password': {
    kind: 'secret',
    default: '',
    min: 1,
    description: 'Password that Redis asks for; none: it asks for none.',
  },
  'redis.tls': {
    kind: 'flag',
    default: false,
    description: "Encrypts the connections to Redis and checks its certificate against the system's authorities.",
  },
  'redis.keyPrefix': {
    kind: 'text',
    default: 'sluice:',
    description: 'What the names of all keys begin with; systems that share a Redis need different ones.',
  },
  'redis.commandTimeoutMs': {
    kind: 'integer',
    default: 1000,
    min: 50,
    max: 60_000,
    unit: 'ms',
    description: 'How long an answer of Redis, or a new connection to it, may take; then the call is repeated.',
    protects: 'A frozen Redis that keeps everything waiting.',
  },
  'redis.replicas': {
    kind: 'integer',
    default: 0,
    min: 1,
    max: 5,
    zero: 'not waiting',
    unit: 'replicas',
    description: 'Replicas that are waited for before a message is acknowledged; SENDACK says how many confirmed.',
    protects: 'Messages lost with a primary whose replicas were behind.',
  },
  'redis.replicaTimeoutMs': {
    kind: 'integer',
    default: 500,
    min: 10,
    max: 60_000,
    unit: 'ms',
    description:
      'How long redis.replicas are waited for; then the message is acknowledged with those that did confirm.',
  },
  'redis.allowVolatile': {
    kind: 'flag',
    default: false,
    description: 'Starts also on a Redis that loses acknowledged messages by restarting or by evicting keys.',
  },
  'redis.leaseMs': {
    kind: 'integer',
    default: 15_000,
    min: 500,
    max: 300_000,
    unit: 'ms',
    description: 'After so long without a sign of life the partitions of a logic go to the others.',
  },
  'redis.cacheUsersMax': {
    kind: 'integer',
    default: 65_536,
    min: 1,
    max: 10_000_000,
    zero: 'no cache',
    unit: 'users',
    description:
      'Users whose state a logic keeps in its memory, about 0.4 KB each, to answer offline pulls and registrations without Redis.',
    protects: 'The memory of logic.',
  },
  'redis.cacheMessageBytes': {
    kind: 'integer',
    default: 33_554_432,
    min: 65_536,
    max: 1_073_741_824,
    zero: 'no messages',
    unit: 'bytes',
    description:
      'Recent messages of these users that a logic keeps in its memory; each takes about 60 bytes more than its payload.',
    protects: 'The memory of logic.',
  },
} as const;
