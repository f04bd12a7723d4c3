/** The option table, part 6: the small HTTP side of `sluice gate` and `sluice logic`; `sluice api` has one of its own. */
export const ADMIN_OPTIONS = {
  'admin.host': {
    kind: 'host',
    default: '127.0.0.1',
    description:
      'Address where `sluice gate` and `sluice logic` answer /healthz, /readyz, /metrics and POST /v1/admin/drain; a non-loopback address needs admin.key.',
    protects: 'T19: metrics and drains open to everybody.',
  },
  'admin.gatePort': {
    kind: 'integer',
    default: 7481,
    min: 0,
    max: 65_535,
    zero: 'a free port chosen by the system',
    description: 'Its TCP port with `sluice gate`.',
  },
  'admin.logicPort': {
    kind: 'integer',
    default: 7482,
    min: 0,
    max: 65_535,
    zero: 'a free port chosen by the system',
    description: 'Its TCP port with `sluice logic`.',
  },
  'admin.key': {
    kind: 'secret',
    default: '',
    min: 16,
    description: 'Bearer key for /metrics and for draining; none: no key is asked for. Health and readiness need none.',
    protects: 'T19: metrics and drains open to everybody.',
  },
} as const;
