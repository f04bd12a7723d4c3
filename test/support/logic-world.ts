/** A logic with a store in memory, on a clock that a test moves, and gates that dial it inside the process. */
import { type AppConfig, developmentApp } from '../../src/config/apps.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type {
  CredentialRequest,
  CredentialVerifier,
  VerifiedCredential,
} from '../../src/logic/authentication/credential.ts';
import { Logic } from '../../src/logic/logic.ts';
import type { LogicLimits } from '../../src/logic/logic-options.ts';
import type { LoginLimitOptions } from '../../src/logic/login-limits.ts';
import { Durability } from '../../src/model/durability.ts';
import type { AppId, Seq, Uid } from '../../src/model/ids.ts';
import { CloseReason } from '../../src/protocol/index.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { MemoryStoreData } from '../../src/store/memory/memory-store-data.ts';
import type {
  CommitSink,
  Operation,
  RefusalReason,
  Store,
  StoreInfo,
  TimelinePage,
  UserState,
} from '../../src/store/store.ts';
import { FakeGate } from './fake-gate.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryTransport } from './memory-transport.ts';
import { SeededRandom } from './seeded-random.ts';
import { type TestLogger, testLogger } from './test-logger.ts';

export const LOGIC_ADDRESS: { readonly path: string } = { path: '/logic' };

export const LIMITS: LogicLimits = {
  loginConcurrency: 64,
  loginQueueMs: 2000,
  ticketLifetimeMs: 86_400_000,
  sessionMaxAgeMs: 86_400_000,
  cursorFlushMs: 1000,
  syncPageMessages: 50,
  syncPageBytes: 262_144,
  windowMessages: 64,
  windowBytes: 262_144,
};

/** The defaults of the trusted profile: nobody is refused. */
const CONFIG = loadConfig({ env: {}, directory: '/nowhere' });

/** A store in front of the store: refuses when told to, and keeps what was submitted. */
export class WatchedStore implements Store {
  refuse: RefusalReason | undefined;
  readonly submitted: Operation[] = [];
  readonly #store: MemoryStore;
  readonly #clock: ManualClock;
  #sink: CommitSink | undefined;

  constructor(store: MemoryStore, clock: ManualClock) {
    this.#store = store;
    this.#clock = clock;
  }

  open(sink: CommitSink): Promise<StoreInfo> {
    this.#sink = sink;
    return this.#store.open(sink);
  }

  submit(operation: Operation): void {
    this.submitted.push(operation);
    const { refuse } = this;
    if (refuse === undefined) this.#store.submit(operation);
    else this.#clock.defer(() => this.#sink?.refused(operation, refuse));
  }

  readTimeline(app: AppId, uid: Uid, after: Seq, limit: number, bytesMax: number): Promise<TimelinePage> {
    return this.#store.readTimeline(app, uid, after, limit, bytesMax);
  }

  readUser(app: AppId, uid: Uid): Promise<UserState> {
    return this.#store.readUser(app, uid);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  fail(error: Error): void {
    this.#store.fail(error);
  }
}

/** Accepts the credential "good"; "old" is genuine and was issued an hour ago. */
class NaiveVerifier implements CredentialVerifier {
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  async verify(request: CredentialRequest): Promise<VerifiedCredential | CloseReason> {
    if (request.credential === 'good') return { issuedAtMs: this.#clock.wallMs() };
    if (request.credential === 'old') return { issuedAtMs: this.#clock.wallMs() - 3_600_000 };
    return CloseReason.CredentialInvalid;
  }
}

export interface LogicWorldOptions {
  readonly limits?: Partial<LogicLimits>;
  readonly loginLimits?: Partial<LoginLimitOptions>;
  readonly app?: Partial<AppConfig>;
  readonly commitDelayMs?: number;
  readonly data?: MemoryStoreData;
  readonly verifier?: CredentialVerifier;
  readonly retentionCount?: number;
}

export interface LogicWorld {
  readonly clock: ManualClock;
  readonly transport: MemoryTransport;
  readonly data: MemoryStoreData;
  readonly store: WatchedStore;
  readonly logic: Logic;
  readonly gate: FakeGate;
  readonly log: TestLogger;
  readonly fatal: Error[];
  /** Another gate. */
  readonly dial: (name: string) => Promise<FakeGate>;
  /** Lets everything happen that is due within `ms`. */
  readonly run: (ms?: number) => Promise<void>;
}

export async function logicWorld(options: LogicWorldOptions = {}): Promise<LogicWorld> {
  const clock = new ManualClock();
  const transport = new MemoryTransport(clock);
  const data = options.data ?? new MemoryStoreData();
  const log = testLogger();
  const fatal: Error[] = [];
  const retention = () => ({ ageMs: 1e12, countMax: options.retentionCount ?? 1e9 });
  const { commitDelayMs = 1 } = options;
  const inner = new MemoryStore({ clock, data, durability: Durability.Disk, retention, commitDelayMs });
  const store = new WatchedStore(inner, clock);
  const logic = new Logic({
    store,
    clock,
    random: new SeededRandom(7),
    log,
    verifier: options.verifier ?? new NaiveVerifier(clock),
    limits: { ...LIMITS, ...options.limits },
    loginLimits: { ...CONFIG.limits, ...options.loginLimits },
    apps: [{ ...developmentApp({ retentionAgeMs: 0, retentionCount: 0 }), ...options.app }],
    bootId: 'logic',
    transport,
    addresses: [LOGIC_ADDRESS],
    times: { heartbeatMs: 2000, heartbeatMisses: 3 },
    onFatal: (error) => fatal.push(error),
  });
  await logic.start();
  const run = (ms = 5) => clock.advanceAsync(ms);
  const dial = async (name: string): Promise<FakeGate> => {
    const gate = new FakeGate(transport, clock, LOGIC_ADDRESS, name);
    await run();
    return gate;
  };
  return { clock, transport, data, store, logic, gate: await dial('gate 1'), log, fatal, dial, run };
}
