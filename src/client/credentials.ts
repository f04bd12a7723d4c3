/**
 * What to log in with: the ticket of the last CONNACK when there is one, else a token. A refused credential is never
 * presented again; a ticket falls back to the token, and a token to what the source gives next.
 */
import type { Clock } from '../clock/clock.ts';
import { CredentialType } from '../protocol/index.ts';

/** A token, or how to get one: asked whenever the last one will not do. */
export type TokenSource = string | (() => Promise<string>);

export interface Credential {
  readonly type: CredentialType;
  readonly value: string;
}

export class Credentials {
  readonly #clock: Clock;
  readonly #source: TokenSource;
  readonly #timeoutMs: number;
  #ticket = '';
  #presented: Credential | undefined;
  #refusedToken: string | undefined;

  constructor(clock: Clock, source: TokenSource, timeoutMs: number) {
    this.#clock = clock;
    this.#source = source;
    this.#timeoutMs = timeoutMs;
  }

  get ticket(): string {
    return this.#ticket;
  }

  /** An empty one means that there is none. */
  keepTicket(ticket: string): void {
    this.#ticket = ticket;
  }

  /** What the source gives now. Rejects when it fails. */
  freshToken(): Promise<string> {
    const source = this.#source;
    return typeof source === 'string' ? Promise.resolve(source) : this.#ask(source);
  }

  /** Undefined when the source has nothing but the token that was refused. Rejects when the source fails. */
  async next(): Promise<Credential | undefined> {
    if (this.#ticket !== '') this.#presented = { type: CredentialType.Ticket, value: this.#ticket };
    else {
      const token = await this.freshToken();
      if (token === this.#refusedToken) return undefined;
      this.#presented = { type: CredentialType.Token, value: token };
    }
    return this.#presented;
  }

  /**
   * The server did not accept what was presented last, or does not any more: a ticket that came of it is worth nothing
   * either. False when there is nothing else to present.
   */
  refused(): boolean {
    this.#ticket = '';
    if (this.#presented?.type === CredentialType.Ticket) return true;
    this.#refusedToken = this.#presented?.value;
    return typeof this.#source === 'function';
  }

  #ask(source: () => Promise<string>): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => reject(new Error('no token in time')), this.#timeoutMs);
      const settle = (): void => this.#clock.clearTimer(timer);
      source().finally(settle).then(resolve, reject);
    });
  }
}
