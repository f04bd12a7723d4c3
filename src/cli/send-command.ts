/**
 * `sluice send`: one message; done when the server has stored it. A logic that restarts meanwhile is waited for, until
 * the time is over. The session is a send-only one of a type of its own, so that it ends no `listen` and no `chat`.
 */
import { randomHex, SystemRandom } from '../clock/random.ts';
import type { Config } from '../config/config.ts';
import { CliError, ExitCode, usageError } from './cli-error.ts';
import { type LoginOptions, makeClient } from './command-context.ts';
import { writeLine } from './terminal.ts';

export interface SendOptions extends LoginOptions {
  readonly to: string;
  readonly text?: string;
  readonly payloadBase64?: Buffer;
  readonly stdin?: boolean;
  readonly clientMsgId?: string;
  readonly timeout: number;
  readonly json?: boolean;
}

const DEVICE_TYPE = 'cli-send';
const DEVICE_ID_BYTES = 8;
const STDIN_BYTES_MAX = 1024 * 1024;

export async function send(config: Config, options: SendOptions): Promise<ExitCode> {
  const payload = await readPayload(options);
  const client = makeClient(config, options, {
    deviceId: `send-${randomHex(new SystemRandom(), DEVICE_ID_BYTES)}`,
    deviceType: DEVICE_TYPE,
    sendOnly: true,
    connectTimeoutMs: options.timeout,
  });
  try {
    const { clientMsgId } = options;
    const sent = client.send({
      to: options.to,
      payload,
      timeoutMs: options.timeout,
      ...(clientMsgId === undefined ? {} : { clientMsgId }),
    });
    // Whichever fails first tells why; the other one must not go unheard.
    const [receipt] = await Promise.all([sent, client.connect()]);
    await writeLine(
      options.json ? JSON.stringify(receipt) : `stored ${receipt.messageId}${receipt.dup ? ' (again)' : ''}`,
    );
    return ExitCode.Done;
  } catch (error) {
    throw new CliError(`not stored, as far as is known: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await client.close();
  }
}

async function readPayload(options: SendOptions): Promise<Buffer> {
  const given = [options.text, options.payloadBase64, options.stdin].filter((value) => value !== undefined);
  if (given.length !== 1) throw usageError('give one of --text, --payload-base64 and --stdin');
  if (options.text !== undefined) return Buffer.from(options.text);
  return options.payloadBase64 ?? readStdin();
}

async function readStdin(): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece as Buffer);
    bytes += (piece as Buffer).length;
    if (bytes > STDIN_BYTES_MAX) throw usageError('--stdin: too large for one message');
  }
  return Buffer.concat(pieces);
}
