/**
 * Runs a program of the tests where it may make a network of its own, and ends everything that it has started: in a network
 * namespace and a process namespace of its own, both gone with its first process.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { SystemClock } from '../../src/clock/clock.ts';
import { NetworkForm } from './test-network.ts';

const clock = new SystemClock();
const ALONE = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
/** All that a network of places needs. */
const ATTEMPT =
  'ip link set lo up && echo 1 > /proc/sys/net/ipv4/ip_forward && ip rule add from 10.77.1.2 to 10.77.2.2 blackhole && unshare --net true';

/** Undefined when namespaces can be had; else why they cannot. */
export function whyNoNamespaces(): string | undefined {
  const attempt = spawnSync('unshare', [...ALONE, 'sh', '-c', ATTEMPT], { encoding: 'utf8' });
  if (attempt.status === 0) return undefined;
  return attempt.error?.message ?? attempt.stderr.trim();
}

/** Runs `program`; rejects with what it has said when it does not end with 0 in time. */
export async function runInNetwork(
  form: NetworkForm,
  program: string,
  args: readonly string[],
  msMax: number,
): Promise<string> {
  const launcher = form === NetworkForm.Namespaces ? ['unshare', ...ALONE] : [];
  const line = [...launcher, process.execPath, '--enable-source-maps', program, form, ...args];
  const [command, ...rest] = line as [string, ...string[]];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const timer = clock.setTimer(() => void child.kill('SIGKILL'), msMax);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  clock.clearTimer(timer);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${signal ?? code}:\n${output}`);
  return output;
}
