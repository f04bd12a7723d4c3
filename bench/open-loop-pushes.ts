/**
 * Pushes over HTTP in an open loop: push n is due at start + n ÷ rate, whatever the answers do, and carries that moment.
 * Sockets are kept and as many are opened as the answers need.
 */
import * as http from 'node:http';
import type { Clock } from '../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID } from '../src/config/apps.ts';

const TICK_MS = 2;
const SOCKETS_MAX = 512;
const ANSWER_MS_MAX = 30_000;

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
  const agent = new http.Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  const counts = { stored: 0, refused: 0, unanswered: 0 };
  const startMs = clock.wallMs();
  const answers: Promise<void>[] = [];
  let lateMsMax = 0;
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const nowMs = clock.wallMs();
      for (;;) {
        const number = answers.length;
        const to = plan.targets[number];
        if (to === undefined) {
          resolve();
          return;
        }
        const dueMs = startMs + (number * 1000) / plan.perSecond;
        if (dueMs > nowMs) break;
        lateMsMax = Math.max(lateMsMax, nowMs - dueMs);
        const text = `${dueMs} ${plan.firstNumber + number} `.padEnd(plan.payloadBytes, 'x');
        answers.push(push(agent, plan.apiPort, { app: DEVELOPMENT_APP_ID, to, text }, counts));
      }
      clock.setTimer(tick, TICK_MS);
    };
    tick();
  });
  await Promise.all(answers);
  agent.destroy();
  return { ...counts, lateMsMax };
}

function push(
  agent: http.Agent,
  port: number,
  message: Readonly<Record<string, string>>,
  counts: { stored: number; refused: number; unanswered: number },
): Promise<void> {
  const body = JSON.stringify(message);
  return new Promise((resolve) => {
    const request = http.request({
      agent,
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: '/v1/push',
      timeout: ANSWER_MS_MAX,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    request.once('response', (response) => {
      if (response.statusCode === 200) counts.stored++;
      else counts.refused++;
      response.resume();
      response.once('close', resolve);
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', () => {
      counts.unanswered++;
      resolve();
    });
    request.end(body);
  });
}
