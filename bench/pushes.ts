/** Pushes over HTTP, as a business service sends them: numbered, with the time at which each was meant to leave. */
import autocannon from 'autocannon';
import type { Clock } from '../src/clock/clock.ts';
import { DEVELOPMENT_APP_ID } from '../src/config/apps.ts';

const HTTP_CONNECTIONS = 20;
/** A request has at most 1 MiB and 500 messages. */
const BATCH_BYTES = 800_000;
const BATCH_MAX = 250;
const MESSAGE_OVERHEAD_BYTES = 200;

export interface PushPlan {
  readonly apiPort: number;
  readonly perSecond: number;
  readonly seconds: number;
  /** Who gets the n-th push. */
  readonly target: (number: number) => string;
  readonly firstNumber: number;
  readonly payloadBytes: number;
}

export interface PushReport {
  readonly stored: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly requestLatencyMs: { readonly p50: number; readonly p99: number };
}

/** Single pushes at a rate. */
export async function pushAtRate(clock: Clock, plan: PushPlan): Promise<PushReport> {
  let number = plan.firstNumber;
  const result = await autocannon({
    url: `http://127.0.0.1:${plan.apiPort}`,
    connections: HTTP_CONNECTIONS,
    duration: plan.seconds,
    overallRate: plan.perSecond,
    requests: [
      {
        method: 'POST',
        path: '/v1/push',
        headers: { 'content-type': 'application/json' },
        setupRequest: (request) => {
          const text = pushText(clock, number, plan.payloadBytes);
          return { ...request, body: JSON.stringify({ app: DEVELOPMENT_APP_ID, to: plan.target(number++), text }) };
        },
      },
    ],
  });
  return {
    stored: result['2xx'],
    refused: result.non2xx,
    unanswered: result.errors + result.timeouts,
    requestLatencyMs: { p50: result.latency.p50, p99: result.latency.p99 },
  };
}

/** As many pushes as `targets`, in batches, as fast as they go; how many were stored. */
export async function pushInBatches(
  clock: Clock,
  apiPort: number,
  targets: readonly string[],
  payloadBytes: number,
): Promise<number> {
  const batch = Math.min(BATCH_MAX, Math.floor(BATCH_BYTES / (payloadBytes + MESSAGE_OVERHEAD_BYTES)));
  let stored = 0;
  for (let at = 0; at < targets.length; at += batch) {
    const messages = targets
      .slice(at, at + batch)
      .map((to, i) => ({ app: DEVELOPMENT_APP_ID, to, text: pushText(clock, at + i, payloadBytes) }));
    const response = await fetch(`http://127.0.0.1:${apiPort}/v1/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages }),
    });
    const { results } = (await response.json()) as { results: readonly { status?: string }[] };
    stored += results.filter(({ status }) => status !== undefined).length;
  }
  return stored;
}

function pushText(clock: Clock, number: number, payloadBytes: number): string {
  return `${clock.wallMs()} ${number} `.padEnd(payloadBytes, 'x');
}
