/** A business service that pushes to users: one after the other for each, and each until it is stored. */
import { LogicLink } from '../../src/api/logic-link.ts';
import { delay } from '../../src/clock/clock.ts';
import { StaticDirectory } from '../../src/trunk/logic-directory.ts';
import { bodyHash } from '../history/events.ts';
import type { HistoryRecorder } from '../history/recorder.ts';
import type { Network } from './network.ts';
import type { SimProcess } from './process.ts';
import { APP, LOGIC_ADDRESS, noteLogger, TRUNK_TIMES } from './servers.ts';
import type { World } from './world.ts';

const UID = 'shop';
const RETRY_MS = 1000;

export class BackEnd {
  readonly #recorder: HistoryRecorder;
  readonly #process: SimProcess;
  readonly #link: LogicLink;
  readonly #lines = new Map<string, Promise<void>>();
  readonly #orders = new Map<string, number>();
  #sent = 0;
  #unsettled = 0;

  constructor(world: World, network: Network, recorder: HistoryRecorder) {
    this.#recorder = recorder;
    const process = world.spawn('api', 'api');
    this.#process = process;
    recorder.record({
      type: 'clientStarted',
      client: UID,
      application: UID,
      run: 1,
      app: APP,
      uid: UID,
      device: UID,
    });
    this.#link = new LogicLink({
      transport: network.transportOf(process),
      clock: process.clock,
      random: process.random,
      logics: new StaticDirectory([{ name: 'logic', address: LOGIC_ADDRESS }]),
      log: noteLogger(process),
      times: TRUNK_TIMES,
      name: 'api',
      bootId: 'api',
    });
    this.#link.start();
  }

  get unsettled(): number {
    return this.#unsettled;
  }

  push(to: string): void {
    this.#sent += 1;
    this.#unsettled += 1;
    const clientMsgId = `${UID}-${this.#sent}`;
    const order = (this.#orders.get(to) ?? 0) + 1;
    this.#orders.set(to, order);
    const before = this.#lines.get(to) ?? Promise.resolve();
    this.#lines.set(
      to,
      before.then(() => this.#push(to, clientMsgId, order)),
    );
  }

  async #push(to: string, clientMsgId: string, order: number): Promise<void> {
    const payload = Buffer.from(`${clientMsgId} for ${to}`);
    const names = { client: UID, target: to, clientMsgId };
    for (;;) {
      this.#recorder.record({ type: 'sendStarted', ...names, bodyHash: bodyHash(payload), order, kind: 1 });
      const { error, messageId, dup, timeMs } = await this.#link.push({
        app: APP,
        from: UID,
        to,
        clientMsgId,
        payload,
      });
      if (error === 0) {
        const stored = { messageId: Number(messageId), dup, serverTimeMs: timeMs, ownEpoch: 0, ownSeq: 0 };
        this.#recorder.record({ type: 'sendStored', ...names, ...stored });
        this.#unsettled -= 1;
        return;
      }
      this.#recorder.record({ type: 'sendUnknown', ...names });
      await delay(this.#process.clock, RETRY_MS);
    }
  }
}
