/** The option table, part 5: the links between gates, apis and logics. */
export const TRUNK_OPTIONS = {
  'trunk.path': {
    kind: 'path',
    default: '',
    description: 'Unix socket between the processes of one machine; empty: under data.directory/run.',
  },
  'trunk.listen': {
    kind: 'addresses',
    default: '',
    description:
      'Where logic listens for gates and apis of other machines; empty: on trunk.path alone. An address that is not loopback needs trunk.secret.',
    protects: 'T19: whoever reaches logic may log in as anybody.',
  },
  'trunk.advertise': {
    kind: 'addresses',
    default: '',
    description:
      'Address under which gates and apis of other machines reach this logic, announced in Redis; empty: the first of trunk.listen.',
  },
  'trunk.logics': {
    kind: 'addresses',
    default: '',
    description:
      'The logics that a gate or api dials; empty: the one on trunk.path, and with Redis those that announce themselves there.',
  },
  'trunk.secret': {
    kind: 'secret',
    default: '',
    min: 32,
    description: 'What both ends of a link over TCP prove to know, without ever sending it.',
    protects: 'T19: strangers on the network who talk to logic, or answer in its place.',
  },
  'trunk.secretFile': {
    kind: 'path',
    default: '',
    description: 'File that trunk.secret is read from, without the white space around it.',
  },
  'trunk.tlsCert': {
    kind: 'path',
    default: '',
    description:
      'PEM file with the certificate that logic shows on trunk.listen; with it, links over TCP are encrypted.',
  },
  'trunk.tlsKey': {
    kind: 'path',
    default: '',
    description: 'PEM file with the key of trunk.tlsCert.',
  },
  'trunk.tlsCa': {
    kind: 'path',
    default: '',
    description: 'PEM file with the authorities that gates and apis trust; with it, they dial trunk.logics encrypted.',
  },
  'trunk.tlsServerName': {
    kind: 'text',
    default: '',
    description: "The name that logic's certificate must have; empty: the host that is dialled.",
  },
  'trunk.handshakeTimeoutMs': {
    kind: 'integer',
    default: 5000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    description: 'Time from dial or accept until both ends of a link know each other; TLS is included.',
    protects: 'T1: connections that take a place and say nothing.',
  },
  'trunk.strangersMax': {
    kind: 'integer',
    default: 256,
    min: 1,
    max: 65_536,
    unit: 'connections',
    description: 'Connections to logic that have not finished their handshake; one more costs the oldest its place.',
    protects: 'T9: strangers that take all descriptors of logic.',
  },
  'trunk.heartbeatMs': {
    kind: 'integer',
    default: 2000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    description: 'Heartbeat interval between gate and logic.',
  },
  'trunk.heartbeatMisses': {
    kind: 'integer',
    default: 3,
    min: 1,
    max: 100,
    description: 'Missed heartbeats after which a trunk link counts as broken.',
    protects: 'A frozen peer that keeps requests waiting.',
  },
  'trunk.flushIntervalMs': {
    kind: 'integer',
    default: 1,
    min: 0,
    max: 100,
    unit: 'ms',
    zero: 'every turn of the event loop sends what it has',
    description: 'Least time between two batches of a trunk link while frames come densely.',
  },
} as const;
