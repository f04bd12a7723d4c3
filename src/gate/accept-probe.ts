/**
 * Notices that a gate worker which is otherwise alive gets no connections any more.
 *
 * Whoever was accepted since the last look proves the opposite for nothing. When nobody was, the worker dials the gates'
 * own port: the system hands a dial to any of the workers that share it, so it dials until one comes back to itself.
 *
 *   look ──somebody was accepted──────────────────────────► fine
 *     └──nobody──► dial ─┬─ accepted here ────────────────► fine
 *                    ▲   ├─ another worker's, or nobody's ─┐
 *                    └───┴── up to 8 times per worker ◄────┘──► deaf; three times in a row: told
 *
 * A healthy worker of N misses 8 N dials with a chance of e⁻⁸ (Node 22.12 and later), three rounds of them with e⁻²⁴. Cost:
 * on an idle machine about N dials per look, of 0.1 ms each; none where clients come.
 *
 * A worker that was never reached since its start is not told: another start would not help where, say, a packet filter
 * forbids to dial oneself.
 */
import { type Clock, delay, type TimerHandle } from '../clock/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Address, DialHandler, Transport } from '../net/transport.ts';

export interface AcceptProbeOptions {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly log: Logger;
  /** Where all workers listen. */
  readonly target: Address;
  /** Workers that share the port. */
  readonly workers: number;
  /** From one look to the next; 0: never. */
  readonly everyMs: number;
  /** Connections that ever reached this worker, refused ones too. */
  readonly accepts: () => number;
  /** False when the worker has a good reason to accept nothing. */
  readonly shouldAccept: () => boolean;
  /** Called once. */
  readonly onDeaf: () => void;
}

const Finding = { Fine: 0, Deaf: 1, Unknown: 2 } as const;
type Finding = (typeof Finding)[keyof typeof Finding];

export const DIALS_PER_WORKER = 8;
export const DEAF_ROUNDS_MAX = 3;
/** How long a dial stands, so that it can be accepted. */
const DIAL_MS = 100;
/** For what is accepted late, on a busy machine. */
const LAST_WAIT_MS = 1000;
/** What a dial may end with when a listener is at fault. Any other failure, like a want of descriptors, is the dialler's. */
const LISTENER_ERRORS: readonly (string | undefined)[] = [undefined, 'ECONNREFUSED', 'ECONNRESET'];

export class AcceptProbe {
  /** Rounds in which no dial came back. */
  deafRounds = 0;
  readonly #options: AcceptProbeOptions;
  #deafInRow = 0;
  #acceptsSeen = 0;
  #timer: TimerHandle | undefined;
  #stopped = false;

  constructor(options: AcceptProbeOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, everyMs } = this.#options;
    if (everyMs === 0) return;
    this.#timer = clock.setTimer(() => void this.#look(), everyMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimer(this.#timer);
  }

  async #look(): Promise<void> {
    const { log, onDeaf } = this.#options;
    const finding = await this.#find();
    this.#acceptsSeen = this.#options.accepts();
    if (this.#stopped) return;
    this.#deafInRow = finding === Finding.Deaf ? this.#deafInRow + 1 : 0;
    if (finding === Finding.Deaf) {
      this.deafRounds++;
      log.warn({ round: this.#deafInRow }, 'this gate gets no connections, not even its own');
      if (this.#deafInRow >= DEAF_ROUNDS_MAX && this.#acceptsSeen > 0) {
        log.error({}, 'this gate accepts no connections any more: it lets its clients go, and is started again');
        onDeaf();
        return;
      }
    }
    this.start();
  }

  async #find(): Promise<Finding> {
    const { clock, accepts, shouldAccept, workers } = this.#options;
    const before = this.#acceptsSeen;
    for (let dials = 0; dials < DIALS_PER_WORKER * workers; dials++) {
      if (this.#stopped || !shouldAccept()) return Finding.Unknown;
      if (accepts() !== before) return Finding.Fine;
      const problem = await this.#dial();
      if (!LISTENER_ERRORS.includes(problem)) return Finding.Unknown;
    }
    await delay(clock, LAST_WAIT_MS);
    if (accepts() !== before) return Finding.Fine;
    return shouldAccept() ? Finding.Deaf : Finding.Unknown;
  }

  /** Answers the code of the error with which the dial has ended, if any. */
  async #dial(): Promise<string | undefined> {
    const { clock, transport, target } = this.#options;
    let problem: string | undefined;
    const handler: DialHandler = {
      onOpen: () => {},
      onBytes: () => {},
      onDrain: () => {},
      onClosed: (_, error) => {
        problem = (error as NodeJS.ErrnoException | undefined)?.code;
      },
    };
    const stream = transport.dial(target, handler);
    await delay(clock, DIAL_MS);
    stream.destroy();
    return problem;
  }
}
