/**
 * Command code → who handles it. Gates forward every command of the session and target ranges, also ones they do not
 * know, so a new command needs a row here and nothing in a gate.
 */
import { SESSION_COMMANDS, TARGET_COMMANDS } from '../protocol/index.ts';
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

  set(command: number, handler: CommandHandler): this {
    if (command < SESSION_COMMANDS.first || command > TARGET_COMMANDS.last) {
      throw new RangeError(`command ${command} is never forwarded to a logic`);
    }
    this.#handlers[command] = handler;
    return this;
  }

  get(command: number): CommandHandler | undefined {
    return this.#handlers[command];
  }
}
