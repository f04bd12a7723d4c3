/** The server side: some gates and one logic, each started again after its death, as a supervisor would. */
import { loadConfig } from '../../src/config/load-config.ts';
import { Gate } from '../../src/gate/gate.ts';
import type { Logger } from '../../src/log/logger.ts';
import { Logic } from '../../src/logic/logic.ts';
import type { CommitSink, Store } from '../../src/store/store.ts';
import { StaticDirectory } from '../../src/trunk/logic-directory.ts';
import type { TrunkTimes } from '../../src/trunk/trunk-link.ts';
import { CLIENT_ADDRESS } from './device.ts';
import type { Network } from './network.ts';
import type { Plan } from './plan.ts';
import type { DeathKind, SimProcess } from './process.ts';
import type { StoreMachine } from './store-machine.ts';
import type { World } from './world.ts';

export const APP = 'chat';
export const LOGIC_ADDRESS: { readonly path: string } = { path: '/logic' };
export const TRUNK_TIMES: TrunkTimes = { heartbeatMs: 2000, heartbeatMisses: 3, flushIntervalMs: 1 };
const RESTART_MS_MAX = 3000;
/** A planned stop of logic that takes longer is cut off. */
const STOP_MS_MAX = 1000;
const CONFIG = loadConfig({ env: {}, directory: '/nowhere' });

export class Servers {
  readonly plan: Plan;
  readonly gates: GateServer[];
  readonly logic: LogicServer;

  constructor(world: World, network: Network, plan: Plan, machine: StoreMachine) {
    this.plan = plan;
    this.logic = new LogicServer(world, network, plan, machine);
    this.gates = Array.from({ length: plan.gates }, (_, index) => new GateServer(world, network, plan, index + 1));
  }

  start(): void {
    this.logic.start();
    for (const gate of this.gates) gate.start();
  }
}

/** Starts a process, and again some time after it is dead. */
abstract class Server {
  protected readonly world: World;
  protected readonly network: Network;
  protected readonly plan: Plan;
  protected current: SimProcess | undefined;
  readonly host: string;

  constructor(world: World, network: Network, plan: Plan, host: string) {
    this.world = world;
    this.network = network;
    this.plan = plan;
    this.host = host;
  }

  get process(): SimProcess | undefined {
    return this.current;
  }

  abstract start(): void;
  /** Ends it in order. */
  abstract stop(): void;

  kill(kind: DeathKind): void {
    const process = this.current;
    if (process === undefined) return;
    this.current = undefined;
    process.kill(kind);
    this.died(kind);
    this.world.at(undefined, RESTART_MS_MAX * this.world.random.fraction(), 'restart', () => this.start());
  }

  protected died(_kind: DeathKind): void {}

  /** Kills `process` if it is still the one that runs. */
  protected exit(process: SimProcess): void {
    if (this.current === process) this.kill('exit');
  }
}

export class GateServer extends Server {
  #gate: Gate | undefined;

  constructor(world: World, network: Network, plan: Plan, number: number) {
    super(world, network, plan, `gate-${number}`);
  }

  start(): void {
    if (this.current !== undefined) return;
    const { world, network, plan, host } = this;
    const process = world.spawn(host, host, false);
    this.current = process;
    this.#gate = new Gate({
      clock: process.clock,
      random: process.random,
      transport: network.transportOf(process),
      log: noteLogger(process),
      name: host,
      bootId: String(process.number),
      listen: [CLIENT_ADDRESS],
      logics: new StaticDirectory([{ name: 'logic', address: LOGIC_ADDRESS }]),
      trunkTimes: TRUNK_TIMES,
      limits: gateLimits(plan),
      tellAddress: false,
    });
    this.#gate.start().catch((error: unknown) => world.fault(host, error));
  }

  stop(): void {
    const process = this.current;
    if (process === undefined || this.#gate === undefined) return;
    this.world.note(this.host, 'is asked to stop');
    void this.#gate.stop().then(() => this.exit(process));
  }
}

export class LogicServer extends Server {
  /** Dies at the next commit, before it can report it. */
  killsAtCommit = false;
  readonly #machine: StoreMachine;
  #logic: Logic | undefined;
  #store: Store | undefined;

  constructor(world: World, network: Network, plan: Plan, machine: StoreMachine) {
    super(world, network, plan, 'logic');
    this.#machine = machine;
  }

  /** For those who look from outside, while it runs. */
  get store(): Store | undefined {
    return this.#store;
  }

  start(): void {
    if (this.current !== undefined) return;
    const { world, network, plan } = this;
    const process = world.spawn('logic', 'logic');
    this.current = process;
    this.#store = undefined;
    const store = withKills(this.#machine.open(process), () => this.#committed());
    this.#logic = new Logic({
      store,
      clock: process.clock,
      random: process.random,
      log: noteLogger(process),
      verifier: { verify: async () => ({ issuedAtMs: process.clock.wallMs() }) },
      limits: { ...CONFIG.logic, ...windowOf(plan), syncPageMessages: plan.syncPageMessages },
      loginLimits: CONFIG.limits,
      apps: [{ id: APP, sessionPolicy: plan.policy, newDeviceStart: plan.newDeviceStart }],
      bootId: String(process.number),
      transport: network.transportOf(process),
      addresses: [LOGIC_ADDRESS],
      times: TRUNK_TIMES,
      onFatal: () => process.clock.defer(() => this.exit(process)),
    });
    this.#logic.start().then(
      () => {
        if (this.current === process) this.#store = store;
      },
      (error: unknown) => this.#startFailed(process, error),
    );
  }

  stop(): void {
    const process = this.current;
    if (process === undefined || this.#logic === undefined) return;
    this.world.note('logic', 'is asked to stop');
    const exit = (): void => this.exit(process);
    this.world.at(undefined, STOP_MS_MAX, 'stop', exit);
    void this.#logic.stop().then(exit, exit);
  }

  protected override died(kind: DeathKind): void {
    this.killsAtCommit = false;
    this.#store = undefined;
    this.#machine.crashed(kind);
  }

  /** Answers whether the commit may be reported. */
  #committed(): boolean {
    if (this.killsAtCommit) this.kill('exit');
    return this.current !== undefined;
  }

  /** A disk that fails stops the start; the next one may do better. Anything else must not happen. */
  #startFailed(process: SimProcess, error: unknown): void {
    if (!isDiskFault(error)) this.world.fault('logic', error);
    this.exit(process);
  }
}

function isDiskFault(error: unknown): boolean {
  return error instanceof Error && /EIO|ENOSPC/.test(error.message);
}

/** A store of which each commit asks first whether anybody may hear of it. */
function withKills(store: Store, mayReport: () => boolean): Store {
  const wrap = (sink: CommitSink): CommitSink => ({
    committed: (batch) => {
      if (mayReport()) sink.committed(batch);
    },
    refused: (operation, reason) => sink.refused(operation, reason),
    failed: (error) => sink.failed(error),
  });
  return {
    open: (sink) => store.open(wrap(sink)),
    submit: (operation) => store.submit(operation),
    readTimeline: (app, uid, after, limit, bytesMax) => store.readTimeline(app, uid, after, limit, bytesMax),
    readUser: (app, uid) => store.readUser(app, uid),
    close: () => store.close(),
  };
}

function windowOf(plan: Plan): { windowMessages: number; windowBytes: number } {
  return { windowMessages: plan.windowMessages, windowBytes: plan.windowBytes };
}

function gateLimits(plan: Plan): ConstructorParameters<typeof Gate>[0]['limits'] {
  return {
    ...CONFIG.limits,
    ...CONFIG.gate,
    ...windowOf(plan),
    heartbeatMs: plan.heartbeatMs,
    ackTimeoutMs: plan.ackTimeoutMs,
    connectionsMax: 64,
    drainMs: 1000,
  };
}

export function noteLogger(process: SimProcess): Logger {
  const note = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    const error = fields['error'];
    const text = error instanceof Error ? `: ${error.message}` : '';
    process.world.note(process.name, `${message}${text}`);
  };
  const logger: Logger = { debug: () => {}, info: note, warn: note, error: note, child: () => logger };
  return logger;
}
