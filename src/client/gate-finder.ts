/**
 * Where the next try to connect goes.
 *
 *   alternatives of a GOAWAY, each once, by chance
 *   the gates of the iplist, in its order, each until its turn ends: a try that failed, a gate that leaves or is full
 *   the address that is configured
 *
 * The iplist is asked before a try, when its last answer has grown old or all of its gates have had their turn. When it
 * does not answer, the last answer goes on; that answer is stored with the client's other state.
 */
import type { Address } from '../net/transport.ts';
import { asError, type EventHub } from './events.ts';
import { parseGateAddress } from './gate-address.ts';
import { readGateList } from './gate-list.ts';
import { fetchHttp, type HttpAnswer } from './http-get.ts';
import type { ResolvedOptions } from './options.ts';
import type { Backoff, GateList } from './storage.ts';

const ASK_TIMEOUT_MS = 5000;
/** Between two questions, whatever happens. */
const ASK_PAUSE_MS = 1000;

export class GateFinder {
  readonly #options: ResolvedOptions;
  readonly #events: EventHub;
  #list: GateList | undefined;
  /** The gate of the list whose turn it is; one beyond the last: the configured address. */
  #turn = 0;
  #alternatives: Address[] = [];
  /** The last try went to an alternative: its end ends nobody's turn. */
  #isAside = false;
  #askNotBeforeMs = 0;

  constructor(options: ResolvedOptions, events: EventHub) {
    this.#options = options;
    this.#events = events;
  }

  /** As the iplist wishes. */
  get backoff(): Backoff | undefined {
    return this.#list?.backoff;
  }

  restore(list: GateList): void {
    if (this.#options.iplistUrl !== undefined) this.#list = list;
  }

  /** Whether to `ask` before the next try. */
  get wantsToAsk(): boolean {
    const { iplistUrl, platform } = this.#options;
    if (iplistUrl === undefined || this.#alternatives.length > 0) return false;
    if (platform.clock.monotonicMs() < this.#askNotBeforeMs) return false;
    return this.#list === undefined || this.#turn >= this.#list.gates.length || this.#isOld(this.#list);
  }

  /** Asks the iplist. Never rejects: without an answer everything stays as it is. */
  async ask(): Promise<void> {
    const { clock } = this.#options.platform;
    this.#askNotBeforeMs = clock.monotonicMs() + ASK_PAUSE_MS;
    try {
      const answer = await (this.#options.platform.http ?? fetchHttp)(
        this.#url(),
        this.#list?.etag ?? '',
        ASK_TIMEOUT_MS,
      );
      this.#askNotBeforeMs = clock.monotonicMs() + Math.max(ASK_PAUSE_MS, answer.retryAfterMs);
      this.#take(answer);
    } catch (error) {
      this.#events.emit('error', new Error(`no answer from the iplist: ${asError(error).message}`, { cause: error }));
    }
  }

  /** Undefined: nowhere is known. */
  next(): Address | undefined {
    const { platform, address } = this.#options;
    const index = Math.floor(platform.random.fraction() * this.#alternatives.length);
    const [alternative] = this.#alternatives.splice(index, 1);
    this.#isAside = alternative !== undefined;
    if (alternative !== undefined) return alternative;
    const gates = this.#list?.gates ?? [];
    if (gates.length === 0) return address;
    if (this.#turn === gates.length && address !== undefined) return address;
    if (this.#turn >= gates.length) this.#turn = 0;
    return parseGateAddress(gates[this.#turn] ?? '') ?? address;
  }

  /** The address of the last try is not the one to try next. */
  endTurn(): void {
    if (!this.#isAside && this.#list !== undefined) this.#turn++;
  }

  /** The gate is about to leave. */
  goaway(alternatives: readonly string[]): void {
    this.#alternatives = alternatives.map(parseGateAddress).filter((address) => address !== undefined);
    this.endTurn();
    this.#isAside = true;
  }

  #take({ status, etag, text }: HttpAnswer): void {
    const nowMs = this.#options.platform.clock.wallMs();
    const isSame = status === 304 && this.#list !== undefined;
    const list = isSame ? { ...(this.#list as GateList), fetchedAtMs: nowMs } : readGateList(text, etag, nowMs);
    if ((status !== 200 && !isSame) || list === undefined) throw new Error(`status ${status}`);
    this.#list = list;
    this.#turn = 0;
    this.#options.storage.saveGates?.(list).catch((error) => this.#events.emit('error', asError(error)));
  }

  /** By the wall clock, because answers outlive processes; one of the future is as good as old. */
  #isOld({ fetchedAtMs, ttlMs }: GateList): boolean {
    const ageMs = this.#options.platform.clock.wallMs() - fetchedAtMs;
    return ageMs < 0 || ageMs >= ttlMs;
  }

  #url(): string {
    const { iplistUrl, app, uid } = this.#options;
    const url = new URL(iplistUrl ?? '');
    if (url.pathname === '/') url.pathname = '/v1/iplist';
    url.searchParams.set('app', app);
    url.searchParams.set('uid', uid);
    return url.href;
  }
}
