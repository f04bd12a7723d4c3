/** The option table, part 6: how gates and logics make themselves known, and which gates clients are told of. */
export const REGISTRY_OPTIONS = {
  'gate.advertiseHost': {
    kind: 'host',
    default: '',
    description:
      'Address under which clients reach this gate; none: gate.host, or the first address of this machine when that is 0.0.0.0 or ::.',
  },
  'gate.advertisePort': {
    kind: 'integer',
    default: 0,
    min: 1,
    max: 65_535,
    zero: 'the port that the gate listens on',
    description: 'TCP port under which clients reach this gate.',
  },
  'gate.apps': {
    kind: 'identifiers',
    default: '',
    description:
      'Apps whose clients are sent to this gate, and no others; none: all apps that have no gate of their own alive.',
  },
  'registry.leaseMs': {
    kind: 'integer',
    default: 15_000,
    min: 500,
    max: 300_000,
    unit: 'ms',
    description:
      'After so long without an announcement a gate or a logic is no longer listed; each announces itself every third of it.',
    protects: 'Clients sent to gates that have died.',
  },
  'registry.refreshMs': {
    kind: 'integer',
    default: 1000,
    min: 50,
    max: 60_000,
    unit: 'ms',
    description: 'How often a process that needs the list of gates or logics reads it.',
    protects: 'Clients sent to gates that are leaving.',
  },
  'iplist.gatesMax': {
    kind: 'integer',
    default: 5,
    min: 1,
    max: 5,
    unit: 'gates',
    description: 'Most gates that one answer of /v1/iplist names.',
  },
  'iplist.ttlMs': {
    kind: 'integer',
    default: 300_000,
    min: 1000,
    max: 86_400_000,
    unit: 'ms',
    description: 'How long a client may use an answer of /v1/iplist before it asks again.',
  },
  'iplist.backoffBaseMs': {
    kind: 'integer',
    default: 1000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    description:
      'Clients wait a random part of this before their second try, and of twice as much before each further one.',
    protects: 'A reconnect storm.',
  },
  'iplist.backoffMaxMs': {
    kind: 'integer',
    default: 60_000,
    min: 1000,
    max: 600_000,
    unit: 'ms',
    description: 'Clients wait no longer than this between two tries.',
  },
  'iplist.requestsPerSecondMax': {
    kind: 'integer',
    default: 2000,
    trusted: 0,
    min: 1,
    max: 1_000_000,
    zero: 'no limit',
    unit: 'per second',
    description: 'Requests for /v1/iplist that one api process answers, and as many at once; more are THROTTLED.',
    protects: 'T15: small requests that cost answers, from whoever can reach the HTTP side.',
  },
  'iplist.addressRequestsPerSecondMax': {
    kind: 'integer',
    default: 20,
    trusted: 0,
    min: 1,
    max: 1_000_000,
    zero: 'no limit',
    unit: 'per second',
    description:
      'Requests for /v1/iplist from one IPv4 address, or one IPv6 /64, and as many at once; more are THROTTLED. A proxy in front belongs into limits.addressExempt.',
    protects: 'T9: one machine that takes the places of all others.',
  },
} as const;
