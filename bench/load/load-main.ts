/** A generator process: runs what it is told over its channel, one answer for each call. */
import { SystemClock } from '../../src/clock/clock.ts';
import { SystemRandom } from '../../src/clock/random.ts';
import type { LoadAnswer, LoadCall } from './load-process.ts';
import { LoadTasks } from './load-tasks.ts';

type AnyTask = (...args: unknown[]) => Promise<unknown>;

process.title = 'bench: load';
const tasks = new LoadTasks(new SystemClock(), new SystemRandom());

async function run({ id, task, args }: LoadCall): Promise<LoadAnswer> {
  try {
    const method = tasks[task as keyof LoadTasks] as AnyTask;
    return { id, value: await method.apply(tasks, args) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on('message', (call) => {
  void run(call as LoadCall).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit(0));
