/** A process full of devices, told over its channel what to do. Started by `HostProcess`. */
import { existsSync, readFileSync } from 'node:fs';
import { SystemClock } from '../../src/clock/clock.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import { SeededRandom } from '../../test/support/seeded-random.ts';
import { FileRecorder } from '../history/recorder.ts';
import type { Taken } from './hand-over.ts';
import type { FromHost, Head, HostReport, HostStart, ToHost } from './host-messages.ts';
import { historyPath } from './host-process.ts';
import { TortureDevice } from './torture-device.ts';

class ClientHost {
  readonly #recorder: FileRecorder;
  readonly #devices: TortureDevice[];
  #heads: Readonly<Record<string, Head>> | undefined;

  constructor(start: HostStart) {
    const { spec, run, folder, seed } = start;
    // A process that is killed must have written what it has done.
    this.#recorder = new FileRecorder(historyPath(folder, spec.name, run), `${spec.name}#${run}`, 0);
    const clock = new SystemClock();
    const transport = new NodeTransport();
    const wasTold = (device: string, taken: Taken): boolean => isTold(start, device, taken);
    this.#devices = spec.devices.map((device, index) => {
      const random = new SeededRandom(seed + 1000 * run + index);
      const { port, targets, pauseMs } = start;
      const state = spec.mortal ? folder : undefined;
      const world = { clock, random, transport, recorder: this.#recorder, port, run, targets, pauseMs, wasTold };
      return new TortureDevice({ ...world, folder: state }, device);
    });
    for (const device of this.#devices) device.start();
  }

  stopSending(): void {
    for (const device of this.#devices) device.stopSending();
  }

  reach(heads: Readonly<Record<string, Head>>): void {
    this.#heads = heads;
  }

  async end(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.end(this.#behind(device) === undefined)));
    this.#recorder.close();
  }

  report(): HostReport {
    const drops: Record<string, number> = {};
    const sum = (count: (device: TortureDevice) => number): number =>
      this.#devices.reduce((total, device) => total + count(device), 0);
    for (const device of this.#devices) {
      for (const [reason, count] of device.drops) drops[reason] = (drops[reason] ?? 0) + count;
    }
    return {
      drops,
      online: sum((device) => Number(device.isOnline)),
      unsent: sum((device) => device.unsent),
      acknowledged: sum((device) => device.acknowledged),
      longestOutageMs: Math.max(...this.#devices.map((device) => device.longestOutageMs)),
      logins: sum((device) => device.logins),
      behind: this.#devices.map((device) => this.#behind(device)).filter((text) => text !== undefined),
      problems: this.#devices.flatMap((device) => device.problems),
    };
  }

  #behind(device: TortureDevice): string | undefined {
    if (device.sendOnly) return undefined;
    const head = this.#heads?.[device.spec.uid];
    return head === undefined ? `${device.client} knows no end` : device.behind(head);
  }
}

/** Whether an earlier run of this host has told of the message. */
function isTold({ folder, spec, run }: HostStart, device: string, taken: Taken): boolean {
  for (let earlier = 1; earlier < run; earlier += 1) {
    const path = historyPath(folder, spec.name, earlier);
    if (!existsSync(path)) continue;
    const end = `"messageId":${taken.messageId}}\n`;
    for (const line of readFileSync(path, 'utf8').split(/(?<=\n)/)) {
      if (line.endsWith(end) && line.includes(`"delivered","client":"${device}#`)) return true;
    }
  }
  return false;
}

function tell(message: FromHost): void {
  process.send?.(message);
}

let host: ClientHost | undefined;
process.on('message', (message: ToHost) => {
  switch (message.type) {
    case 'start':
      host = new ClientHost(message);
      tell({ type: 'ready' });
      break;
    case 'report':
      if (host !== undefined) tell({ type: 'report', request: message.request, report: host.report() });
      break;
    case 'stop-sending':
      host?.stopSending();
      break;
    case 'heads':
      host?.reach(message.heads);
      break;
    case 'end':
      void host?.end().then(() => process.exit(0));
      break;
  }
});
// The conductor is gone: nobody needs these clients.
process.on('disconnect', () => process.exit(1));
tell({ type: 'hello' });
