/**
 * A program around a client, to be killed: says "begin <text>" and "done <text>" around the work on each message, never
 * finishes 'hang' when asked to, and leaves after 'bye'.
 *
 *   node listening-program.js <port> <uid> <token> <state file> [hang]
 */
import { FileStorage, SluiceClient } from '../../src/client/index.ts';

const [port, uid, token, path, mode] = process.argv.slice(2) as [string, string, string, string, string | undefined];
const client = new SluiceClient({
  host: '127.0.0.1',
  port: Number(port),
  app: 'demo',
  uid,
  deviceType: 'phone',
  deviceId: 'phone1',
  token,
  storage: new FileStorage(path),
});
client.onMessage(async (message) => {
  process.stdout.write(`begin ${message.text}\n`);
  if (message.text === 'hang' && mode === 'hang') await new Promise(() => {});
  process.stdout.write(`done ${message.text}\n`);
  if (message.text === 'bye') void client.close();
});
await client.connect();
