import type { FromChild, ToChild } from '../../src/cluster/child-messages.ts';
import type { ChildEvents, ChildHandle, ChildSpec } from '../../src/cluster/supervised-child.ts';

/** Processes that do what a test says: they are born, speak and die on call. */
export class FakeChildren {
  /** Every process ever started, in order. */
  readonly all: FakeChild[] = [];
  /** What a process does at its birth. */
  onBirth: (child: FakeChild) => void = () => {};
  #nextPid = 1000;

  readonly spawn = (spec: ChildSpec, events: ChildEvents): ChildHandle => {
    const child = new FakeChild(spec, events, this.#nextPid++);
    this.all.push(child);
    return child;
  };

  /** The living process of a place: "gate 1". */
  living(name: string): FakeChild {
    const found = this.all.find((child) => child.name === name && child.alive);
    if (found === undefined) throw new Error(`${name} does not live`);
    return found;
  }

  births(name: string): number {
    return this.all.filter((child) => child.name === name).length;
  }
}

export class FakeChild implements ChildHandle {
  readonly name: string;
  readonly pid: number;
  readonly received: ToChild[] = [];
  readonly signals: string[] = [];
  alive = true;
  readonly #events: ChildEvents;

  constructor(spec: ChildSpec, events: ChildEvents, pid: number) {
    this.name = `${spec.role} ${spec.index}`;
    this.pid = pid;
    this.#events = events;
  }

  send(message: ToChild): void {
    if (this.alive) this.received.push(message);
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.alive) return;
    this.signals.push(signal);
    if (signal === 'SIGKILL') this.exit(null, 'SIGKILL');
  }

  say(message: FromChild): void {
    this.#events.onMessage(message);
  }

  exit(code: number | null, signal: string | null = null): void {
    if (!this.alive) return;
    this.alive = false;
    this.#events.onExit(code, signal);
  }

  /** What it was told, by type. */
  got<Type extends ToChild['type']>(type: Type): Extract<ToChild, { type: Type }>[] {
    return this.received.filter((message): message is Extract<ToChild, { type: Type }> => message.type === type);
  }
}
