/**
 * A network of a test's own, that can be cut between any two of its places without either being told:
 *
 *   namespaces   each place is a network namespace with a link to the one of this process, which routes; a cut is a rule that
 *                drops what one place sends to the other. Both ends see what a pulled cable shows: nothing at all.
 *   proxies      all places are 127.0.0.1, and whoever dials goes through a proxy that holds bytes back. For machines where
 *                namespaces cannot be had; new connections are accepted there and then hear nothing.
 *
 * The namespaces have no names: they end with the processes in them. This process must be in one itself, where it may change
 * everything (`namespace-launch.ts`).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { delay, SystemClock } from '../../src/clock/clock.ts';
import { ChaosProxy } from '../../tools/chaos/chaos-proxy.ts';
import { freePort } from './redis-server.ts';

const run = promisify(execFile);
const clock = new SystemClock();
/** Whatever happens to the test, places are gone by then. */
const LIFE_S = 300;
const FIRST_PORT = 7000;
const READY_MS_MAX = 5000;

export const NetworkForm = { Namespaces: 'namespaces', Proxies: 'proxies' } as const;
export type NetworkForm = (typeof NetworkForm)[keyof typeof NetworkForm];

/** Where a program runs. */
export interface NetworkPlace {
  readonly name: string;
  readonly host: string;
  /** What the command line of a program begins with that runs here. */
  readonly launcher: readonly string[];
}

/** Which packets between two places are dropped: all, or only those back to the one that is named first. */
export type Cut = 'all' | 'answers';

export interface TestNetwork {
  place(name: string): Promise<NetworkPlace>;
  freePort(place: NetworkPlace): Promise<number>;
  /** The address under which `from` reaches what listens in `to` on 127.0.0.1 or its host. */
  route(from: NetworkPlace, to: NetworkPlace, port: number): Promise<string>;
  cut(from: NetworkPlace, to: NetworkPlace, what?: Cut): Promise<void>;
  heal(from: NetworkPlace, to: NetworkPlace): Promise<void>;
  stop(): Promise<void>;
}

export async function startNetwork(form: NetworkForm): Promise<TestNetwork> {
  return form === NetworkForm.Namespaces ? NamespaceNetwork.start() : new ProxyNetwork();
}

class NamespaceNetwork implements TestNetwork {
  readonly #holders: ChildProcess[] = [];
  readonly #rules: Set<string> = new Set();
  #ports = FIRST_PORT;

  static async start(): Promise<NamespaceNetwork> {
    await run('ip', ['link', 'set', 'lo', 'up']);
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    return new NamespaceNetwork();
  }

  async place(name: string): Promise<NetworkPlace> {
    const number = this.#holders.length + 1;
    const holder = spawn('unshare', ['--net', 'sleep', String(LIFE_S)], { stdio: 'ignore' });
    this.#holders.push(holder);
    const launcher = ['nsenter', `--net=/proc/${holder.pid}/ns/net`];
    await ownsNamespace(launcher);
    const [link, router, host] = [`place${number}`, `10.77.${number}.1`, `10.77.${number}.2`];
    const links = ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(holder.pid)];
    await run('ip', links);
    await run('ip', ['addr', 'add', `${router}/24`, 'dev', link]);
    await run('ip', ['link', 'set', link, 'up']);
    const own = `ip link set lo up; ip addr add ${host}/24 dev eth0; ip link set eth0 up; ip route add default via ${router}`;
    await run('nsenter', [...launcher.slice(1), 'sh', '-ec', own]);
    return { name, host, launcher };
  }

  freePort(): Promise<number> {
    return Promise.resolve(this.#ports++);
  }

  route(_from: NetworkPlace, to: NetworkPlace, port: number): Promise<string> {
    return Promise.resolve(`${to.host}:${port}`);
  }

  async cut(from: NetworkPlace, to: NetworkPlace, what: Cut = 'all'): Promise<void> {
    await this.#drop(to, from);
    if (what === 'all') await this.#drop(from, to);
  }

  async heal(from: NetworkPlace, to: NetworkPlace): Promise<void> {
    for (const rule of [ruleOf(from, to), ruleOf(to, from)]) {
      if (this.#rules.delete(rule)) await run('ip', ['rule', 'del', ...rule.split(' ')]);
    }
  }

  stop(): Promise<void> {
    for (const holder of this.#holders) holder.kill('SIGKILL');
    return Promise.resolve();
  }

  async #drop(from: NetworkPlace, to: NetworkPlace): Promise<void> {
    const rule = ruleOf(from, to);
    if (this.#rules.has(rule)) return;
    this.#rules.add(rule);
    await run('ip', ['rule', 'add', ...rule.split(' ')]);
  }
}

function ruleOf(from: NetworkPlace, to: NetworkPlace): string {
  return `from ${from.host} to ${to.host} blackhole`;
}

/** Resolves when the process behind `launcher` has left the namespace of this one. */
async function ownsNamespace(launcher: readonly string[]): Promise<void> {
  const [command, ...args] = launcher as [string, ...string[]];
  const { stdout: ours } = await run('readlink', ['/proc/self/ns/net']);
  const deadlineMs = clock.monotonicMs() + READY_MS_MAX;
  for (;;) {
    const theirs = await run(command, [...args, 'readlink', '/proc/self/ns/net']).catch(() => ({ stdout: ours }));
    if (theirs.stdout !== ours) return;
    if (clock.monotonicMs() > deadlineMs) throw new Error('a namespace does not come up');
    await delay(clock, 10);
  }
}

class ProxyNetwork implements TestNetwork {
  readonly #proxies: { from: NetworkPlace; to: NetworkPlace; proxy: ChaosProxy }[] = [];

  place(name: string): Promise<NetworkPlace> {
    return Promise.resolve({ name, host: '127.0.0.1', launcher: [] });
  }

  freePort(): Promise<number> {
    return freePort();
  }

  async route(from: NetworkPlace, to: NetworkPlace, port: number): Promise<string> {
    const proxy = await ChaosProxy.start({ clock, targetPort: port, maxMs: LIFE_S * 1000 });
    this.#proxies.push({ from, to, proxy });
    return `127.0.0.1:${proxy.port}`;
  }

  cut(from: NetworkPlace, to: NetworkPlace, what: Cut = 'all'): Promise<void> {
    for (const link of this.#proxies) {
      if (link.from === from && link.to === to) link.proxy.setFaults({ blackHole: what === 'all' ? 'both' : 'down' });
      if (link.from === to && link.to === from) link.proxy.setFaults({ blackHole: what === 'all' ? 'both' : 'up' });
    }
    return Promise.resolve();
  }

  heal(from: NetworkPlace, to: NetworkPlace): Promise<void> {
    for (const { from: one, to: other, proxy } of this.#proxies) {
      if ((one === from && other === to) || (one === to && other === from)) proxy.setFaults({ blackHole: 'none' });
    }
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#proxies.map(({ proxy }) => proxy.stop()));
  }
}
