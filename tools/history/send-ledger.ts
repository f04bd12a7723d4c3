/**
 * Everything that was sent, one entry per message however often it was tried, and how to find it again: by clientMsgId
 * for outcomes, by messageId and by body for receipts.
 */
import type { EventOf } from './events.ts';
import type { Findings } from './report.ts';
import type { StoreLosses } from './store-losses.ts';

/** Who runs a client. */
export interface Application {
  readonly name: string;
  readonly app: string;
  readonly uid: string;
}

/** All messages of one sender to one target. */
interface Conversation {
  readonly app: string;
  readonly sender: string;
  readonly target: string;
  /** The body that was tried last under each clientMsgId. */
  readonly latest: Map<string, SentMessage>;
}

export interface SentMessage {
  readonly conversation: Conversation;
  readonly clientMsgId: string;
  readonly bodyHash: number;
  readonly kind: number;
  /** The application that tried first. */
  readonly application: Application;
  /** The session that tried first and the one that tried last. */
  readonly firstSession: number;
  lastSession: number;
  order: number;
  /** 0 while unknown. Known from the first SENDACK or, when there is none, from the first receipt. */
  messageId: number;
  stored: boolean;
  /** Attempts that ended unknown, or have not ended at all. */
  unknown: number;
  /** The same clientMsgId with another body. */
  readonly otherBody: SentMessage | undefined;
  /** Another message with the same body hash. */
  readonly sameBody: SentMessage | undefined;
}

export class SendLedger {
  readonly messages: SentMessage[] = [];
  readonly #findings: Findings;
  readonly #storeLosses: StoreLosses;
  readonly #conversations = new Map<string, Conversation>();
  readonly #byId = new Map<string, Map<number, SentMessage>>();
  readonly #byBody = new Map<number, SentMessage>();

  constructor(findings: Findings, storeLosses: StoreLosses) {
    this.#findings = findings;
    this.#storeLosses = storeLosses;
  }

  started(application: Application, session: number, event: EventOf<'sendStarted'>): void {
    const conversation = this.#conversation(application.app, application.uid, event.target);
    const earlier = conversation.latest.get(event.clientMsgId);
    let message = earlier;
    while (message !== undefined && message.bodyHash !== event.bodyHash) message = message.otherBody;
    if (message === undefined) {
      message = {
        conversation,
        clientMsgId: event.clientMsgId,
        bodyHash: event.bodyHash,
        kind: event.kind,
        application,
        firstSession: session,
        lastSession: session,
        order: event.order,
        messageId: 0,
        stored: false,
        unknown: 0,
        otherBody: earlier,
        sameBody: this.#byBody.get(event.bodyHash),
      };
      this.messages.push(message);
      this.#byBody.set(event.bodyHash, message);
    }
    // The chain of other bodies starts at the newest; an older one that is tried again is found through it.
    if (earlier === undefined || message.otherBody === earlier) conversation.latest.set(event.clientMsgId, message);
    message.lastSession = session;
    message.order = event.order;
    message.unknown += 1;
    this.#findings.looked.sends += 1;
  }

  stored(application: Application, event: EventOf<'sendStored'>): void {
    const message = this.#attempted(application, event);
    this.#findings.looked.stored += 1;
    message.unknown -= 1;
    message.stored = true;
    for (let other: SentMessage | undefined = message.otherBody; other !== undefined; other = other.otherBody) {
      if (other.stored) this.#findings.add('twoIds', `${describe(message)} was stored with two bodies`);
    }
    this.bind(message, event.messageId, 'acknowledged');
  }

  failed(application: Application, event: EventOf<'sendFailed'>): void {
    this.#attempted(application, event).unknown -= 1;
    this.#findings.looked.failed += 1;
  }

  unknown(application: Application, event: EventOf<'sendUnknown'>): void {
    this.#attempted(application, event);
    this.#findings.looked.unknown += 1;
  }

  /** Says that `message` has this id; `how` tells where it was seen. */
  bind(message: SentMessage, messageId: number, how: 'acknowledged' | 'received'): void {
    if (message.messageId === messageId) return;
    // What the store has lost is stored anew by a retry, which knows nothing of the first: the later id counts.
    const mayBeAnother = [message.messageId, messageId].some((id) => this.#storeLosses.mayHaveLost(id));
    if (message.messageId !== 0 && !mayBeAnother) {
      const violation = how === 'received' && message.unknown > 0 ? 'storedTwice' : 'twoIds';
      this.#findings.add(violation, `${describe(message)} is ${message.messageId}, ${how} as ${messageId} too`);
      return;
    }
    const { app } = message.conversation;
    const byId = this.#byId.get(app) ?? new Map<number, SentMessage>();
    this.#byId.set(app, byId);
    const holder = byId.get(messageId);
    if (holder !== undefined) {
      this.#findings.add('idReused', `${messageId} names ${describe(holder)} and ${describe(message)}`);
    } else byId.set(messageId, message);
    message.messageId = Math.max(message.messageId, messageId);
  }

  byId(app: string, messageId: number): SentMessage | undefined {
    return this.#byId.get(app)?.get(messageId);
  }

  /** The messages with this body, whoever sent them. */
  *withBody(hash: number): Generator<SentMessage> {
    for (let message = this.#byBody.get(hash); message !== undefined; message = message.sameBody) yield message;
  }

  #attempted(application: Application, event: { target: string; clientMsgId: string }): SentMessage {
    const conversation = this.#conversation(application.app, application.uid, event.target);
    const message = conversation.latest.get(event.clientMsgId);
    if (message === undefined) {
      throw new Error(
        `${application.name}: a send of '${event.clientMsgId}' to '${event.target}' ends, but never started`,
      );
    }
    return message;
  }

  #conversation(app: string, sender: string, target: string): Conversation {
    // Identifiers hold no line breaks.
    const key = `${app}\n${sender}\n${target}`;
    let conversation = this.#conversations.get(key);
    if (conversation === undefined) {
      conversation = { app, sender, target, latest: new Map() };
      this.#conversations.set(key, conversation);
    }
    return conversation;
  }
}

export function describe(message: SentMessage): string {
  const { app, sender, target } = message.conversation;
  return `'${message.clientMsgId}' from ${app}/${sender} to ${target}`;
}
