/**
 * A messaging system small enough to be believed: timelines, one commit for message and copy, dedupe, crashes,
 * retention, epochs. It runs on a seed and writes down a history. Its parts are open, so that a test can do one
 * thing wrong.
 *
 *   client.queue ──▶ session.requests ──take──▶ uncommitted ──commit──▶ timelines, session.answers ──▶ client
 */
import { bodyHash } from '../../tools/history/events.ts';
import { History } from '../../tools/history/history.ts';
import { SeededRandom } from './seeded-random.ts';

export interface Row {
  seq: number;
  messageId: number;
  from: string;
  to: string;
  clientMsgId: string;
  hash: number;
}

export interface ModelTimeline {
  epoch: number;
  floor: number;
  head: number;
  rows: Row[];
}

export interface Outgoing {
  target: string;
  clientMsgId: string;
  hash: number;
  order: number;
}

interface Session {
  client: ModelClient;
  requests: Outgoing[];
}

interface Answer {
  session: Session;
  message: Outgoing;
  messageId: number;
  dup: boolean;
  ownEpoch: number;
  ownSeq: number;
}

export interface ModelClient {
  application: string;
  app: string;
  uid: string;
  run: number;
  session: Session | undefined;
  /** Unacknowledged, oldest first; survives restarts, as do the fields below. */
  queue: Outgoing[];
  orders: Map<string, number>;
  epoch: number;
  position: number;
  known: Set<number>;
  own: Set<string>;
}

const TARGETS = ['u0', 'u1', 'u2', 'nobody'];
const PAGE_ROWS = 3;

export class HistoryModel {
  readonly history: History = new History();
  readonly clients: ModelClient[] = [];
  dedupes = true;
  /** Retention takes old messages away. */
  trims = true;
  readonly #random: SeededRandom;
  readonly #timelines = new Map<string, ModelTimeline>();
  readonly #stored = new Map<string, number>();
  #uncommitted: { session: Session; message: Outgoing }[] = [];
  #answers: Answer[] = [];
  #nextId = 1000;
  #nextBody = 1;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    for (const [app, uid, device] of [
      ['a', 'u0', 'phone'],
      ['a', 'u0', 'desk'],
      ['a', 'u1', 'phone'],
      ['a', 'u2', 'phone'],
      ['b', 'u0', 'phone'],
      ['b', 'u1', 'phone'],
    ] as const) {
      const client: ModelClient = {
        application: `${app}.${uid}.${device}`,
        app,
        uid,
        run: 0,
        session: undefined,
        queue: [],
        orders: new Map(),
        epoch: 0,
        position: 0,
        known: new Set(),
        own: new Set(),
      };
      this.clients.push(client);
      this.start(client);
    }
  }

  timeline(app: string, uid: string): ModelTimeline {
    const key = `${app}/${uid}`;
    let timeline = this.#timelines.get(key);
    if (timeline === undefined) {
      timeline = { epoch: 1, floor: 1, head: 0, rows: [] };
      this.#timelines.set(key, timeline);
    }
    return timeline;
  }

  client(application: string): ModelClient {
    return this.clients.find((client) => client.application === application) as ModelClient;
  }

  nameOf(client: ModelClient): string {
    return `${client.application}#${client.run}`;
  }

  /** Random work, all of it correct. */
  run(steps: number): void {
    for (let step = 0; step < steps; step += 1) this.#step();
  }

  #step(): void {
    const client = this.clients[this.#random.below(this.clients.length)] as ModelClient;
    const chance = this.#random.below(100);
    if (chance < 25) this.send(client, TARGETS[this.#random.below(TARGETS.length)] as string);
    else if (chance < 45) this.takeOne(client);
    else if (chance < 60) this.commit();
    else if (chance < 75) this.answerOne();
    else if (chance < 88) this.pull(client);
    else if (chance < 92) this.disconnect(client);
    else if (chance < 94) this.restart(client);
    else if (chance < 96) this.crash();
    else if (chance < 97) client.queue = client.session === undefined ? [] : client.queue;
    else if (chance < 99) this.#trim(this.timeline(client.app, client.uid));
    else this.#raiseEpoch(this.timeline(client.app, client.uid));
    if (client.session === undefined && chance % 2 === 0) this.connect(client);
  }

  start(client: ModelClient): void {
    client.run += 1;
    const { application, run, app, uid } = client;
    const name = this.nameOf(client);
    this.history.append({ type: 'clientStarted', client: name, application, run, app, uid, device: application });
  }

  restart(client: ModelClient): void {
    this.disconnect(client);
    this.history.append({ type: 'clientEnded', client: this.nameOf(client), crashed: true });
    this.start(client);
  }

  connect(client: ModelClient): void {
    if (client.session !== undefined) return;
    client.session = { client, requests: [] };
    const { epoch, floor, head } = this.timeline(client.app, client.uid);
    if (client.epoch === 0) {
      client.epoch = epoch;
      client.position = floor - 1;
    }
    const after = client.position;
    this.history.append({ type: 'sessionStarted', client: this.nameOf(client), epoch, floor, head, after });
    for (const message of client.queue) this.#attempt(client, message);
  }

  disconnect(client: ModelClient): void {
    const session = client.session;
    if (session === undefined) return;
    client.session = undefined;
    this.#answers = this.#answers.filter((answer) => answer.session !== session);
    for (const { target, clientMsgId } of client.queue) {
      this.history.append({ type: 'sendUnknown', client: this.nameOf(client), target, clientMsgId });
    }
  }

  /** The server goes down between commit and answer, or before the commit. */
  crash(): void {
    this.#uncommitted = [];
    for (const client of this.clients) this.disconnect(client);
  }

  send(client: ModelClient, target: string): Outgoing {
    const order = (client.orders.get(target) ?? 0) + 1;
    client.orders.set(target, order);
    const clientMsgId = `${client.application}-${this.#nextBody}`;
    const message = { target, clientMsgId, hash: bodyHash(Buffer.from(`body ${this.#nextBody}`)), order };
    this.#nextBody += 1;
    this.connect(client);
    client.queue.push(message);
    client.own.add(clientMsgId);
    this.#attempt(client, message);
    return message;
  }

  takeOne(client: ModelClient): void {
    const session = client.session;
    const message = session?.requests.shift();
    if (session !== undefined && message !== undefined) this.#uncommitted.push({ session, message });
  }

  commit(): void {
    const batch = this.#uncommitted;
    this.#uncommitted = [];
    for (const { session, message } of batch) this.#commitOne(session, message);
  }

  /** Commits one message out of turn. */
  commitNow(client: ModelClient, message: Outgoing): void {
    const session = client.session as Session;
    session.requests = session.requests.filter((waiting) => waiting !== message);
    this.#commitOne(session, message);
  }

  /** Takes, commits and answers everything of a client. */
  settle(client: ModelClient): void {
    for (let left = client.session?.requests.length ?? 0; left > 0; left -= 1) this.takeOne(client);
    this.commit();
    while (this.#answers.length > 0) this.answerOne();
  }

  answerOne(): void {
    const answer = this.#answers.shift();
    if (answer !== undefined) this.answer(answer.session.client, answer.message, answer);
  }

  answer(client: ModelClient, message: Outgoing, result: Omit<Answer, 'session' | 'message'>): void {
    const { target, clientMsgId } = message;
    const { messageId, dup, ownEpoch, ownSeq } = result;
    client.queue = client.queue.filter((waiting) => waiting !== message);
    const about = { client: this.nameOf(client), target, clientMsgId };
    if (messageId === 0) this.history.append({ type: 'sendFailed', ...about, reason: 'UNKNOWN_TARGET' });
    else this.history.append({ type: 'sendStored', ...about, messageId, dup, serverTimeMs: 0, ownEpoch, ownSeq });
  }

  /** One page. Answers whether there was anything in it. */
  pull(client: ModelClient): boolean {
    this.connect(client);
    const { epoch, floor, head, rows } = this.timeline(client.app, client.uid);
    const name = this.nameOf(client);
    if (client.epoch !== epoch || client.position > head) {
      this.history.append({ type: 'resynced', client: name, epoch, floor, head });
      client.epoch = epoch;
      client.position = floor - 1;
    } else if (client.position < floor - 1) {
      this.history.append({ type: 'gapReported', client: name, epoch, from: client.position + 1, to: floor - 1 });
      client.position = floor - 1;
    }
    const page = rows.filter((row) => row.seq > client.position && row.seq >= floor).slice(0, PAGE_ROWS);
    for (const row of page) this.receive(client, row);
    return page.length > 0;
  }

  receive(client: ModelClient, row: Row): void {
    const { epoch } = client;
    const { seq, messageId, from, to, hash } = row;
    const name = this.nameOf(client);
    const clientMsgId = from === client.uid ? row.clientMsgId : '';
    this.history.append({
      type: 'received',
      client: name,
      epoch,
      seq,
      messageId,
      from,
      to,
      kind: 0,
      clientMsgId,
      bodyHash: hash,
    });
    const own = client.own.has(clientMsgId);
    if (!own && !client.known.has(messageId)) this.deliver(client, seq, messageId);
    client.position = Math.max(client.position, seq);
    this.history.append({ type: 'acked', client: name, epoch, seq: client.position });
  }

  deliver(client: ModelClient, seq: number, messageId: number): void {
    client.known.add(messageId);
    this.history.append({ type: 'delivered', client: this.nameOf(client), epoch: client.epoch, seq, messageId });
  }

  /** Everybody sends what is left and reads to the end. */
  finish(): void {
    for (const client of this.clients) {
      this.connect(client);
      this.settle(client);
    }
    for (const client of this.clients) {
      while (this.pull(client));
      const { epoch, head } = this.timeline(client.app, client.uid);
      this.history.append({ type: 'reachedEnd', client: this.nameOf(client), epoch, seq: head });
    }
  }

  place(app: string, uid: string, message: Omit<Row, 'seq'>): Row {
    const timeline = this.timeline(app, uid);
    timeline.head += 1;
    const row = { ...message, seq: timeline.head };
    timeline.rows.push(row);
    return row;
  }

  nextId(): number {
    this.#nextId += 1 + this.#random.below(3);
    return this.#nextId;
  }

  #attempt(client: ModelClient, message: Outgoing): void {
    const { target, clientMsgId, hash, order } = message;
    const about = { client: this.nameOf(client), target, clientMsgId };
    this.history.append({ type: 'sendStarted', ...about, bodyHash: hash, order, kind: 0 });
    client.session?.requests.push(message);
  }

  #commitOne(session: Session, message: Outgoing): void {
    const { app, uid } = session.client;
    const { target, clientMsgId, hash } = message;
    const answer = { session, message, dup: false, ownEpoch: 0, ownSeq: 0 };
    const key = `${app}/${uid}/${target}/${clientMsgId}`;
    const stored = this.#stored.get(key);
    if (target === 'nobody') this.#answerLater({ ...answer, messageId: 0 });
    else if (stored !== undefined && this.dedupes) {
      this.#answerLater({ ...answer, messageId: stored, dup: true });
    } else {
      const messageId = this.nextId();
      const row = { messageId, from: uid, to: target, clientMsgId, hash };
      this.#stored.set(key, messageId);
      this.place(app, target, row);
      const copy = target === uid ? undefined : this.place(app, uid, row);
      const ownEpoch = copy === undefined ? 0 : this.timeline(app, uid).epoch;
      this.#answerLater({ ...answer, messageId, ownEpoch, ownSeq: copy?.seq ?? 0 });
    }
  }

  #answerLater(answer: Answer): void {
    if (answer.session.client.session === answer.session) this.#answers.push(answer);
  }

  #trim(timeline: ModelTimeline): void {
    if (!this.trims) return;
    timeline.floor = Math.min(timeline.head + 1, timeline.floor + this.#random.below(4));
  }

  #raiseEpoch(timeline: ModelTimeline): void {
    timeline.epoch += 1;
  }
}
