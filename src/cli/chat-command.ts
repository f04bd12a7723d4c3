/** `sluice chat`: lines typed here go to one user; what others send appears above the prompt. */
import { createInterface } from 'node:readline';
import type { Message, SluiceClient } from '../client/index.ts';
import type { Config } from '../config/config.ts';
import { CliError, ExitCode } from './cli-error.ts';
import { type LoginOptions, machineDeviceId, makeClient } from './command-context.ts';
import { printable, textOf } from './terminal.ts';

export interface ChatOptions extends LoginOptions {
  readonly to: string;
}

const DEVICE_TYPE = 'cli-chat';
const PROMPT = '> ';

export async function chat(config: Config, options: ChatOptions): Promise<ExitCode> {
  const client = makeClient(config, options, { deviceId: machineDeviceId('chat'), deviceType: DEVICE_TYPE });
  const screen = createInterface({ input: process.stdin, output: process.stdout, prompt: PROMPT });
  const show = (line: string): void => {
    process.stdout.write(process.stdout.isTTY ? `\r\u001b[K${line}\n` : `${line}\n`);
    screen.prompt(true);
  };
  const left = new Promise<void>((resolve, reject) => {
    screen.on('close', resolve);
    client.on('stopped', (event) => reject(new CliError(`the session has ended: ${event.reasonName}`)));
  });
  client.on('disconnected', (event) => show(`(disconnected: ${event.reasonName})`));
  client.on('error', (error) => show(`(${error.message})`));
  client.onMessage(async (message) => show(lineOf(message, options)));
  screen.on('line', (line) => {
    if (line.trim() !== '') sendLine(client, options.to, line, show);
    screen.prompt();
  });
  screen.on('SIGINT', () => screen.close());
  try {
    await Promise.race([client.connect(), left]);
    show(`You are ${options.uid}, talking to ${options.to}. Ctrl-D leaves.`);
    await left;
    return ExitCode.Done;
  } finally {
    screen.close();
    await client.close();
  }
}

function sendLine(client: SluiceClient, to: string, text: string, show: (line: string) => void): void {
  client.send({ to, text }).catch((error: unknown) => {
    show(`(not sent: ${error instanceof Error ? error.message : String(error)})`);
  });
}

function lineOf(message: Message, options: ChatOptions): string {
  const text = printable(textOf(message.payload) ?? `<${message.payload.length} bytes>`);
  return message.from === options.uid ? `me to ${message.to}: ${text}` : `${message.from}: ${text}`;
}
