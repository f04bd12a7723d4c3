/**
 * Pushes over HTTP in an open loop: push n is due at start + n ÷ rate, whatever the answers do, and carries that moment.
 * Connections are kept and as many are opened as the answers need.
 *
 * The requests are written and the answers read here, over bare sockets: node's own client would take a fifth of a core
 * at 1,000 pushes a second from the machine that is measured.
 */
import * as net from 'node:net';
import type { Clock } from '../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID } from '../src/config/apps.ts';

const TICK_MS = 5;
const SOCKETS_MAX = 512;
const ANSWER_MS_MAX = 30_000;
const HEAD_END = '\r\n\r\n';

export interface OpenLoopPlan {
  readonly apiPort: number;
  readonly perSecond: number;
  /** One push to each, in this order. */
  readonly targets: readonly string[];
  /** Numbers of the payloads, from here on. */
  readonly firstNumber: number;
  readonly payloadBytes: number;
}

export interface OpenLoopReport {
  readonly stored: number;
  readonly refused: number;
  readonly unanswered: number;
  /** How late the loop itself was at worst: beyond some milliseconds the generator was the limit. */
  readonly lateMsMax: number;
}

export async function pushOpenLoop(clock: Clock, plan: OpenLoopPlan): Promise<OpenLoopReport> {
  const sockets = new PushSockets(plan.apiPort);
  const startMs = clock.wallMs();
  let number = 0;
  let lateMsMax = 0;
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const nowMs = clock.wallMs();
      for (;;) {
        const to = plan.targets[number];
        if (to === undefined) {
          resolve();
          return;
        }
        const dueMs = startMs + (number * 1000) / plan.perSecond;
        if (dueMs > nowMs) break;
        lateMsMax = Math.max(lateMsMax, nowMs - dueMs);
        const text = `${dueMs} ${plan.firstNumber + number} `.padEnd(plan.payloadBytes, 'x');
        sockets.push({ app: DEVELOPMENT_APP_ID, to, text });
        number++;
      }
      clock.setTimer(tick, TICK_MS);
    };
    tick();
  });
  const untilMs = clock.monotonicMs() + ANSWER_MS_MAX;
  await sockets.answered(clock, untilMs);
  sockets.end();
  const { stored, refused } = sockets;
  return { stored, refused, unanswered: number - stored - refused, lateMsMax };
}

/** One request under way on each; a request that finds all of them busy and no room for another one waits its turn. */
class PushSockets {
  stored = 0;
  refused = 0;
  readonly #port: number;
  readonly #idle: PushSocket[] = [];
  readonly #all: PushSocket[] = [];
  readonly #waiting: string[] = [];
  /** Given to a socket and not answered yet. */
  #open = 0;

  constructor(port: number) {
    this.#port = port;
  }

  push(message: Readonly<Record<string, string>>): void {
    const body = JSON.stringify(message);
    const request =
      `POST /v1/push HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}${HEAD_END}${body}`;
    const socket = this.#idle.pop() ?? (this.#all.length < SOCKETS_MAX ? this.#opened() : undefined);
    if (socket === undefined) this.#waiting.push(request);
    else this.#send(socket, request);
  }

  /** Waits until nothing is under way; not for ever. */
  async answered(clock: Clock, untilMs: number): Promise<void> {
    while (this.#open + this.#waiting.length > 0 && clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => void clock.setTimer(resolve, TICK_MS));
    }
  }

  end(): void {
    for (const socket of this.#all) socket.destroy();
  }

  #opened(): PushSocket {
    const socket = new PushSocket(this.#port, (status) => this.#answer(socket, status));
    this.#all.push(socket);
    return socket;
  }

  #send(socket: PushSocket, request: string): void {
    this.#open++;
    socket.send(request);
  }

  /** @param status undefined: the connection broke, with a request under way or not */
  #answer(socket: PushSocket, status: number | undefined): void {
    if (socket.isBusy) this.#open--;
    socket.isBusy = false;
    if (status === 200) this.stored++;
    else if (status !== undefined) this.refused++;
    else for (const list of [this.#all, this.#idle]) if (list.includes(socket)) list.splice(list.indexOf(socket), 1);
    const request = this.#waiting.shift();
    if (request !== undefined) this.#send(status === undefined ? this.#opened() : socket, request);
    else if (status !== undefined) this.#idle.push(socket);
  }
}

/** A kept connection: a request out, the status of its answer in. */
class PushSocket {
  isBusy = false;
  readonly #socket: net.Socket;
  readonly #onStatus: (status: number | undefined) => void;
  #text = '';

  constructor(port: number, onStatus: (status: number | undefined) => void) {
    this.#onStatus = onStatus;
    this.#socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text) => this.#received(String(text)));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => onStatus(undefined));
  }

  send(request: string): void {
    this.isBusy = true;
    this.#socket.write(request);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #received(text: string): void {
    this.#text += text;
    const headEnd = this.#text.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) {
      // An answer without a length cannot be told from the next one.
      this.#socket.destroy();
      return;
    }
    if (this.#text.length < headEnd + HEAD_END.length + length) return;
    const status = Number(this.#text.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    this.#text = '';
    this.#onStatus(status);
  }
}
