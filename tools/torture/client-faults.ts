/**
 * Bad things that happen to clients, beside whatever happens to the system: their connections (through the proxy) and
 * their processes.
 */
import { type Clock, delay } from '../../src/clock/clock.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { NO_FAULTS } from '../chaos/chaos-faults.ts';
import type { ChaosProxy } from '../chaos/chaos-proxy.ts';
import type { ClientFault, FaultRounds } from './fault-schedule.ts';
import type { HostProcess } from './host-process.ts';

const GAP_MS_MAX = 2000;
const LASTS_MS_MAX = 4000;
const LATENCY_MS_MAX = 300;
const CUT_BYTES_MAX = 4096;
const DEAD_MS_MAX = 1500;

interface ClientFaultOptions {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly proxy: ChaosProxy;
  readonly mortals: readonly HostProcess[];
  readonly rounds: FaultRounds<ClientFault>;
  readonly onDone: (fault: ClientFault) => void;
}

export class ClientFaults {
  readonly #options: ClientFaultOptions;
  #isOver = false;

  constructor(options: ClientFaultOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isOver = true;
  }

  /** One after the other until `stop`, and each once at least; then nothing is wrong any more. */
  async run(): Promise<void> {
    const { clock, random, rounds, onDone } = this.#options;
    while (!this.#isOver || !rounds.isFirstOver) {
      await delay(clock, GAP_MS_MAX * random.fraction());
      const fault = rounds.next();
      if (fault === undefined) return;
      await this.#happen(fault);
      onDone(fault);
    }
  }

  async #happen(fault: ClientFault): Promise<void> {
    const { clock, random, proxy } = this.#options;
    const lastsMs = LASTS_MS_MAX * random.fraction();
    switch (fault) {
      case 'client-kill':
        await this.#killClients();
        break;
      case 'reset':
        proxy.resetAll();
        break;
      case 'half-close':
        for (const connection of proxy.connections) {
          if (random.below(2) === 0) connection.halfClose(random.below(2) === 0 ? 'up' : 'down');
        }
        break;
      case 'latency':
        proxy.setFaults({ latencyMs: random.below(LATENCY_MS_MAX) });
        await delay(clock, lastsMs);
        break;
      case 'one-byte':
        proxy.setFaults({ oneByte: true });
        await delay(clock, lastsMs);
        break;
      case 'black-hole':
        proxy.setFaults({ blackHole: random.below(2) === 0 ? 'both' : random.below(2) === 0 ? 'up' : 'down' });
        await delay(clock, lastsMs);
        break;
      case 'cut':
        proxy.setFaults({ cutAfterBytes: 1 + random.below(CUT_BYTES_MAX) });
        await delay(clock, lastsMs);
        break;
    }
    proxy.setFaults(NO_FAULTS);
  }

  async #killClients(): Promise<void> {
    const { clock, random, mortals } = this.#options;
    const host = mortals[random.below(mortals.length)];
    if (host === undefined) return;
    await host.kill();
    await delay(clock, DEAD_MS_MAX * random.fraction());
    await host.spawn();
  }
}
