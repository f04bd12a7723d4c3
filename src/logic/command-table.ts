/**
 * Command code → who handles it. Gates forward every command of the session and target ranges, also ones they do not
 * know, so a new command needs a row here and nothing in a gate.
 */
import { Command, ErrorCode, SESSION_COMMANDS, TARGET_COMMANDS } from '../protocol/index.ts';
import type { LogicCounters } from './logic-counters.ts';
import type { ErrorReplies } from './replies.ts';
import type { LiveSession } from './session-lifecycle.ts';

/** The body is `bytes[start, end)`, valid during the call only. */
export type CommandHandler = (
  session: LiveSession,
  requestId: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

export class CommandTable {
  readonly #handlers: (CommandHandler | undefined)[] = new Array(256).fill(undefined);
  readonly #errors: ErrorReplies;
  readonly #isConfirmed: (session: LiveSession) => boolean;
  readonly #counters: LogicCounters;

  constructor(errors: ErrorReplies, isConfirmed: (session: LiveSession) => boolean, counters: LogicCounters) {
    this.#errors = errors;
    this.#isConfirmed = isConfirmed;
    this.#counters = counters;
  }

  set(command: number, handler: CommandHandler): this {
    if (command < SESSION_COMMANDS.first || command > TARGET_COMMANDS.last) {
      throw new RangeError(`command ${command} is never forwarded to a logic`);
    }
    this.#handlers[command] = handler;
    return this;
  }

  run(session: LiveSession, command: number, requestId: number, bytes: Buffer, start: number, end: number): void {
    this.#counters.commandsIn[command]!++;
    const handler = this.#handlers[command];
    if (handler === undefined) this.#errors.write(session, requestId, ErrorCode.UnknownCommand);
    else if (command !== Command.Send && !this.#isConfirmed(session)) {
      // SEND refuses by itself: what follows it must be held.
      this.#errors.writeUnconfirmed(session, requestId);
    } else handler(session, requestId, bytes, start, end);
  }
}
