/** One gate, one scripted logic and any number of scripted clients, on one manual clock and one network in memory. */
import { Gate } from '../../src/gate/gate.ts';
import type { GateLimits } from '../../src/gate/gate-options.ts';
import type { Address } from '../../src/net/transport.ts';
import { type LogicAddress, StaticDirectory } from '../../src/trunk/logic-directory.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryTransport } from './memory-transport.ts';
import { ScriptedClient } from './scripted-client.ts';
import { ScriptedLogic, type Session, TRUNK_ADDRESS, TRUNK_TIMES } from './scripted-logic.ts';
import { SeededRandom } from './seeded-random.ts';
import { type TestLogger, testLogger } from './test-logger.ts';

export const GATE_ADDRESS: Address = { path: '/gate' };

/** The defaults of the configuration, without rates. */
export const GATE_LIMITS: GateLimits = {
  connectionsMax: 20_000,
  stopAcceptingPercent: 97,
  loginTimeoutMs: 5000,
  heartbeatMs: 60_000,
  frameTimeoutMs: 15_000,
  preLoginBodyBytesMax: 4096,
  bodyBytesMax: 65_536,
  partialFrameBytesMax: 67_108_864,
  windowMessages: 64,
  windowBytes: 262_144,
  sendsInFlightMax: 64,
  ackTimeoutMs: 10_000,
  outboxSoftBytes: 262_144,
  outboxHardBytes: 1_048_576,
  stallTimeoutMs: 15_000,
  drainMs: 5000,
  pingsPerSecondMax: 1,
  protocolErrorsMax: 3,
  addressConnectionsMax: 0,
  addressConnectsPerSecondMax: 0,
  addressExempt: [],
  acceptsPerSecondMax: 0,
  acceptsBurst: 1000,
  preLoginDropFrom: 0,
  preLoginDropPercent: 30,
  preLoginMax: 0,
  messagesPerSecondMax: 0,
  messagesBurst: 100,
  messageBytesPerSecondMax: 0,
  throttledAfterMs: 10_000,
};

/** Where GOAWAY leads. */
export const ALTERNATIVES: readonly string[] = ['10.0.0.2:7400', '10.0.0.3:7400'];

export interface LoggedIn {
  readonly client: ScriptedClient;
  readonly session: Session;
}

export class GateWorld {
  readonly clock: ManualClock = new ManualClock();
  readonly transport: MemoryTransport;
  readonly log: TestLogger = testLogger();
  readonly gate: Gate;
  logic: ScriptedLogic;

  constructor(limits: Partial<GateLimits> = {}, options: { readonly logics?: readonly LogicAddress[] } = {}) {
    this.transport = new MemoryTransport(this.clock);
    this.logic = new ScriptedLogic(this.transport, this.clock);
    this.gate = new Gate({
      clock: this.clock,
      random: new SeededRandom(1),
      transport: this.transport,
      log: this.log,
      name: 'gate 1',
      bootId: 'gate1',
      listen: [GATE_ADDRESS],
      logics: new StaticDirectory(options.logics ?? [{ name: 'logic', address: TRUNK_ADDRESS }]),
      trunkTimes: TRUNK_TIMES,
      limits: { ...GATE_LIMITS, ...limits },
      alternatives: () => ALTERNATIVES,
      tellAddress: false,
    });
  }

  /** A world in which the gate is open and the logic is there. */
  static async start(limits: Partial<GateLimits> = {}): Promise<GateWorld> {
    const world = new GateWorld(limits);
    await world.logic.start();
    await world.gate.start();
    world.settle();
    return world;
  }

  /** Lets everything happen that happens without time passing. */
  settle(): void {
    this.clock.runDeferred();
  }

  advance(ms: number): void {
    this.clock.advance(ms);
  }

  dial(remoteAddress = '127.0.0.1'): ScriptedClient {
    this.transport.linkOptions = { ...this.transport.linkOptions, remoteAddress };
    const client = new ScriptedClient(this.transport, GATE_ADDRESS);
    this.settle();
    return client;
  }

  /** Dials and logs in; the logic must be accepting. */
  login(uid = 'alice', remoteAddress = '127.0.0.1'): LoggedIn {
    const client = this.dial(remoteAddress);
    client.connect(uid);
    this.settle();
    const { link, slot, serial } = this.logic.lastLogin;
    return { client, session: { link, slot, serial } };
  }

  /** Closes every connection of the logic, as when its process dies. Nobody listens then. */
  async killLogic(): Promise<void> {
    await this.logic.stop();
    this.settle();
  }

  /** A new logic process at the same place. */
  async startLogic(bootId = 'logic2'): Promise<void> {
    this.logic = new ScriptedLogic(this.transport, this.clock, bootId);
    await this.logic.start();
    // Longer than the longest wait between two attempts to dial.
    this.advance(1000);
  }
}
