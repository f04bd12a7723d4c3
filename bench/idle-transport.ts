/**
 * What an idle accepted connection costs in anonymous memory: `NodeTransport` against a bare `node:net` server.
 *
 *     node bench/idle-transport.js          (in the build output; needs 8,300 file descriptors, takes about 20 s)
 *
 * Each variant runs in a process of its own, the clients in this one. The server is measured after a settled,
 * collected heap at 2,000 and at 8,000 connections; the slope between the two leaves the process's own size out.
 * Anonymous memory is what the system pays, and moves by a few hundred bytes from run to run as the heap takes whole
 * pages (a small young generation keeps that low); the slope of the used JS heap shows what the wrapper adds.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as net from 'node:net';
import { delay, SystemClock } from '../src/clock/clock.ts';
import { NodeTransport } from '../src/net/node-transport.ts';
import type { AcceptHandler, DialHandler, Stream } from '../src/net/transport.ts';

type Variant = 'bare' | 'transport';

interface Memory {
  readonly anonymous: number;
  readonly heapUsed: number;
}

const CONNECTIONS_LOW = 2_000;
const CONNECTIONS_HIGH = 8_000;
const DIALS_AT_ONCE = 200;
const ROUNDS = 5;
const clock = new SystemClock();

function ignore(): void {}

async function startServer(variant: Variant): Promise<number> {
  if (variant === 'transport') {
    const handler: AcceptHandler = { onAccepted: ignore, onBytes: ignore, onDrain: ignore, onClosed: ignore };
    const listener = await new NodeTransport().listen({ host: '127.0.0.1', port: 0 }, handler);
    return listener.port;
  }
  const sockets: net.Socket[] = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', ignore);
    socket.on('data', ignore);
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, resolve));
  return (server.address() as net.AddressInfo).port;
}

async function measure(): Promise<Memory> {
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc?.();
    await delay(clock, 150);
  }
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8');
  const anonymous = Number(/^Anonymous:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024;
  return { anonymous, heapUsed: process.memoryUsage().heapUsed };
}

async function serve(variant: Variant): Promise<void> {
  process.on('message', () => void measure().then((memory) => process.send?.(memory)));
  process.send?.(await startServer(variant));
}

function answerOf<T>(server: ChildProcess): Promise<T> {
  return new Promise((resolve) => server.once('message', (value) => resolve(value as T)));
}

async function dialUpTo(streams: Stream[], target: number, port: number): Promise<void> {
  const transport = new NodeTransport();
  while (streams.length < target) {
    const batch = Math.min(DIALS_AT_ONCE, target - streams.length);
    await new Promise<void>((resolve, reject) => {
      let open = 0;
      const handler: DialHandler = {
        onOpen: () => (++open === batch ? resolve() : undefined),
        onBytes: ignore,
        onDrain: ignore,
        onClosed: (_stream, error) => reject(error ?? new Error('the server closed a connection')),
      };
      for (let index = 0; index < batch; index += 1) streams.push(transport.dial({ host: '127.0.0.1', port }, handler));
    });
  }
}

async function slopeOf(variant: Variant): Promise<Memory> {
  const server = fork(new URL(import.meta.url), [variant], {
    execArgv: ['--expose-gc', '--max-semi-space-size=1', '--single-threaded-gc'],
  });
  const port = await answerOf<number>(server);
  const streams: Stream[] = [];
  const measureAt = async (connections: number): Promise<Memory> => {
    await dialUpTo(streams, connections, port);
    server.send('measure');
    return answerOf<Memory>(server);
  };
  const low = await measureAt(CONNECTIONS_LOW);
  const high = await measureAt(CONNECTIONS_HIGH);
  server.kill('SIGKILL');
  for (const stream of streams) stream.destroy();
  const perConnection = (key: keyof Memory): number =>
    Math.round((high[key] - low[key]) / (CONNECTIONS_HIGH - CONNECTIONS_LOW));
  return { anonymous: perConnection('anonymous'), heapUsed: perConnection('heapUsed') };
}

function median(slopes: readonly Memory[], key: keyof Memory): number {
  return slopes.map((slope) => slope[key]).toSorted((a, b) => a - b)[slopes.length >> 1] as number;
}

async function compare(): Promise<void> {
  const slopes: Record<Variant, Memory[]> = { bare: [], transport: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const variant of ['bare', 'transport'] as const) slopes[variant].push(await slopeOf(variant));
  }
  console.log(`bytes per idle connection, median of ${ROUNDS} (Node ${process.versions.node})`);
  for (const key of ['anonymous', 'heapUsed'] as const) {
    const bare = median(slopes.bare, key);
    const transport = median(slopes.transport, key);
    console.log(JSON.stringify({ key, bare, transport, wrapper: transport - bare }));
  }
  console.log(JSON.stringify(slopes));
}

const variant = process.argv[2];
if (variant === 'bare' || variant === 'transport') await serve(variant);
else await compare();
