/** A back end that pushes over HTTP, one message after the other, each until its outcome is known. */
import { type Clock, delay } from '../../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID } from '../../src/config/apps.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { bodyHash } from '../history/events.ts';
import type { HistoryRecorder } from '../history/recorder.ts';

const NAME = 'back-end';
const RETRY_MS = 200;
const REQUEST_MS_MAX = 10_000;
const HTTP_OK = 200;
/** The request was understood and refused; what is below may succeed later. */
const REFUSALS: ReadonlySet<number> = new Set([400, 403, 404, 409, 413, 422]);

interface PushOptions {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly recorder: HistoryRecorder;
  /** Where the API listens now. */
  readonly url: () => string;
  readonly targets: readonly string[];
  readonly pauseMs: number;
}

export class PushSender {
  readonly problems: string[] = [];
  readonly #options: PushOptions;
  #isSending = true;
  #sent = 0;

  constructor(options: PushOptions) {
    this.#options = options;
    const identity = { application: NAME, run: 1, app: DEVELOPMENT_APP_ID, uid: NAME, device: NAME };
    options.recorder.record({ type: 'clientStarted', client: NAME, ...identity });
  }

  stopSending(): void {
    this.#isSending = false;
  }

  /** Resolves after `stopSending`, when the last outcome is known. */
  async run(): Promise<void> {
    const { clock, random, targets, pauseMs, recorder } = this.#options;
    while (this.#isSending) {
      this.#sent += 1;
      await this.#push(targets[random.below(targets.length)] as string, `${NAME}.${this.#sent}`);
      await delay(clock, pauseMs * 2 * random.fraction());
    }
    recorder.record({ type: 'clientEnded', client: NAME, crashed: false });
  }

  async #push(target: string, clientMsgId: string): Promise<void> {
    const { clock, recorder } = this.#options;
    const sent = { client: NAME, target, clientMsgId };
    const text = `${clientMsgId} pushed`;
    const attempt = { bodyHash: bodyHash(Buffer.from(text)), order: this.#sent, kind: 1 };
    for (;;) {
      recorder.record({ type: 'sendStarted', ...sent, ...attempt });
      const { status, body } = await this.#post({
        app: DEVELOPMENT_APP_ID,
        to: target,
        from: NAME,
        id: clientMsgId,
        text,
      });
      if (status === HTTP_OK) {
        const { messageId, dup } = body as { messageId: string; dup: boolean };
        const place = { serverTimeMs: 0, ownEpoch: 0, ownSeq: 0 };
        recorder.record({ type: 'sendStored', ...sent, messageId: Number(messageId), dup, ...place });
        return;
      }
      if (REFUSALS.has(status)) {
        recorder.record({ type: 'sendFailed', ...sent, reason: String(status) });
        this.problems.push(`the push of ${clientMsgId} was refused: ${JSON.stringify(body)}`);
        return;
      }
      recorder.record({ type: 'sendUnknown', ...sent });
      await delay(clock, RETRY_MS);
    }
  }

  /** Status 0: no answer. */
  async #post(item: object): Promise<{ status: number; body: unknown }> {
    try {
      const response = await fetch(`${this.#options.url()}/v1/push`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(item),
        signal: AbortSignal.timeout(REQUEST_MS_MAX),
      });
      return { status: response.status, body: await response.json() };
    } catch {
      return { status: 0, body: undefined };
    }
  }
}
