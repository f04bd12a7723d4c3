/**
 * A few clients of the SDK that send all the time, as people do: what they notice of a fault is how long their sends
 * take and whether their connections break.
 */

import { MemoryStorage, SluiceClient, systemPlatform } from '../src/client/index.ts';
import { type Clock, delay } from '../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET } from '../src/config/apps.ts';
import { TokenMaker } from './load/login-token.ts';
import type { SluiceSystem } from './system-under-test.ts';

const PROBES = 50;
const PAUSE_MS = 100;

export interface ProbeReport {
  /** Per probe: when its first send that began after the mark was acknowledged, in ms from the mark, ascending. */
  readonly firstServedMs: readonly number[];
  readonly probes: number;
  /** Connections of probes that broke since the start. */
  readonly disconnects: number;
  readonly failed: number;
}

export class SendProbes {
  readonly #clock: Clock;
  readonly #clients: SluiceClient[] = [];
  readonly #firstServedMs = new Map<number, number>();
  readonly #runId: string;
  #markMs = Number.POSITIVE_INFINITY;
  #disconnects = 0;
  #failed = 0;
  #ending = false;

  private constructor(clock: Clock, runId: string) {
    this.#clock = clock;
    this.#runId = runId;
  }

  /** Logs in and begins to send, each to the next one. */
  static async start(clock: Clock, sluice: SluiceSystem, runId: string): Promise<SendProbes> {
    const probes = new SendProbes(clock, runId);
    const platform = systemPlatform();
    const tokens = new TokenMaker(DEVELOPMENT_APP_ID, DEVELOPMENT_SECRET);
    for (let i = 0; i < PROBES; i++) {
      const uid = probeName(runId, i);
      const client = new SluiceClient({
        host: sluice.host,
        port: sluice.gatePort,
        app: DEVELOPMENT_APP_ID,
        uid,
        deviceType: 'bench',
        deviceId: 'probe',
        token: tokens.make(uid, clock.wallMs()),
        storage: new MemoryStorage(),
        platform,
      });
      client.on('disconnected', () => {
        if (!probes.#ending) probes.#disconnects++;
      });
      await client.connect();
      probes.#clients.push(client);
      void probes.#sendForEver(client, i);
    }
    return probes;
  }

  get size(): number {
    return this.#clients.length;
  }

  /** From now on the first send of each probe is timed. */
  mark(): void {
    this.#firstServedMs.clear();
    this.#markMs = this.#clock.monotonicMs();
  }

  report(): ProbeReport {
    return {
      firstServedMs: [...this.#firstServedMs.values()].sort((a, b) => a - b),
      probes: this.#clients.length,
      disconnects: this.#disconnects,
      failed: this.#failed,
    };
  }

  async end(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #sendForEver(client: SluiceClient, probe: number): Promise<void> {
    // Spread, so that they do not all send in one moment.
    await delay(this.#clock, (PAUSE_MS * probe) / PROBES);
    while (!this.#ending) {
      const beganMs = this.#clock.monotonicMs();
      try {
        await client.send({ to: probeName(this.#runId, (probe + 1) % PROBES), text: 'probe' });
        if (beganMs >= this.#markMs && !this.#firstServedMs.has(probe)) {
          this.#firstServedMs.set(probe, this.#clock.monotonicMs() - this.#markMs);
        }
      } catch {
        if (!this.#ending) this.#failed++;
      }
      await delay(this.#clock, PAUSE_MS);
    }
  }
}

function probeName(runId: string, probe: number): string {
  return `probe${probe}-${runId}`;
}
