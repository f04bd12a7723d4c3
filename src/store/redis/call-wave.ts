/**
 * When lanes call. On a single server all of them do it together: a wave begins when every call of the one before it is
 * answered, and takes everything that arrived meanwhile.
 *
 *   wave ──● lanes take their batches ─► SharedCalls: one call ─► answers ──● next wave
 *
 * So a message and its sender's copy are in one call, whichever partitions they belong to, and what a client sent together
 * is answered together. In a cluster each lane calls as soon as its own last call is answered.
 *
 * While operations come densely a wave also waits until `intervalMs` have passed since the one before it; who sends one
 * message at a time never waits.
 */
import type { Clock } from '../../clock/clock.ts';

/** A lane. */
export interface WaveMember {
  /** Takes its batch and calls, or not, and leaves later; answers how many operations it took. */
  takeTurn(wave: CallWave): number;
}

export interface WaveOptions {
  readonly clock: Clock;
  /** Waves do not overlap. */
  readonly whole: boolean;
  /** 0 for no pause. */
  readonly intervalMs: number;
  /** Lanes beyond so many operations wait for the next wave: what blocks the server is bounded. */
  readonly operationsMax: number;
}

export class CallWave {
  readonly #options: WaveOptions;
  #waiting: WaveMember[] = [];
  #starting: WaveMember[] | undefined;
  /** Members whose first call is not answered. */
  #outstanding = 0;
  #isDue = false;
  #isDense = false;
  #begunMs = 0;

  constructor(options: WaveOptions) {
    this.#options = options;
  }

  /** Asks for a turn in the next wave. */
  join(member: WaveMember): void {
    this.#waiting.push(member);
    this.#beginSoon();
  }

  /** Asks for a turn in the wave that is beginning, because a member of it writes to this one's partition. */
  accompany(member: WaveMember): void {
    if (this.#starting === undefined) this.join(member);
    else this.#starting.push(member);
  }

  /** The outcome of the first call is known, or it takes longer than others should wait. */
  leave(): void {
    this.#outstanding--;
    if (this.#waiting.length > 0) this.#beginSoon();
  }

  #beginSoon(): void {
    const { clock, whole, intervalMs } = this.#options;
    if (this.#isDue || this.#starting !== undefined || (whole && this.#outstanding > 0)) return;
    this.#isDue = true;
    const pauseMs = this.#isDense ? this.#begunMs + intervalMs - clock.monotonicMs() : 0;
    if (pauseMs >= 1) clock.setTimer(this.#begin, pauseMs);
    else clock.defer(this.#begin);
  }

  readonly #begin = (): void => {
    const { clock, intervalMs, operationsMax } = this.#options;
    const starting = this.#waiting;
    this.#waiting = [];
    this.#starting = starting;
    this.#isDue = false;
    if (intervalMs > 0) this.#begunMs = clock.monotonicMs();
    let operations = 0;
    let turns = 0;
    while (turns < starting.length && operations < operationsMax) {
      this.#outstanding++;
      operations += (starting[turns++] as WaveMember).takeTurn(this);
    }
    this.#isDense = operations > 1;
    this.#starting = undefined;
    this.#waiting = turns === starting.length ? this.#waiting : starting.slice(turns).concat(this.#waiting);
    if (this.#waiting.length > 0) this.#beginSoon();
  };
}
