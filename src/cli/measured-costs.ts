/**
 * What things cost, as `npm run bench` measured it on one machine. `sluice size` says so, because another machine has
 * other costs: measure your own, and give `--cpu-per-delivery` and its like.
 */
export interface Costs {
  /** CPU of all processes for one delivery: committed, pushed, acknowledged. */
  readonly cpuMicrosPerDelivery: number;
  readonly cpuMicrosPerLogin: number;
  readonly cpuMicrosPerHeartbeat: number;
  /** Of Redis, for one message with its sender's copy. */
  readonly redisMicrosPerMessage: number;
  /** Memory of all our processes for one idle connection. */
  readonly processBytesPerConnection: number;
  /** The kernel's, for the server's end of one. */
  readonly kernelBytesPerConnection: number;
  readonly gateProcessBytes: number;
  /** On disk beside the payload, which both timelines share. */
  readonly logBytesPerMessage: number;
  /** In logic's memory, with the embedded store. */
  readonly indexBytesPerUser: number;
  /** For each timeline that holds the message. */
  readonly indexBytesPerMessage: number;
  readonly dedupeBytesPerMessage: number;
  /** In Redis, beside the payload, for each timeline that holds the message. */
  readonly redisBytesPerMessage: number;
  readonly redisDedupeBytesPerMessage: number;
}

export const MEASURED_ON =
  '2 cores of an Intel Xeon, Linux 6.18, Node 24, Redis 6.0, November 2026; clients on the same machine';

export const MEASURED_COSTS: Costs = {
  // At 10,000 deliveries a second, where little is coalesced: the dearest case. At the maximum it is a fifth of that.
  cpuMicrosPerDelivery: 50,
  cpuMicrosPerLogin: 105,
  cpuMicrosPerHeartbeat: 13,
  redisMicrosPerMessage: 21,
  processBytesPerConnection: 1750,
  kernelBytesPerConnection: 4300,
  gateProcessBytes: 60e6,
  logBytesPerMessage: 105,
  indexBytesPerUser: 285,
  indexBytesPerMessage: 16,
  dedupeBytesPerMessage: 64,
  redisBytesPerMessage: 67,
  redisDedupeBytesPerMessage: 185,
};
