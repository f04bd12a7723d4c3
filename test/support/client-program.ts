/**
 * A program around a client, to be killed: prints the text of each message as its handler begins, hangs on 'hang' when
 * asked to, leaves by itself on 'bye'.
 *
 *   node client-program.js <port> <state file> [hang]
 */
import { FileStorage, SluiceClient } from '../../src/client/index.ts';

const [port, path, mode] = process.argv.slice(2);
const client = new SluiceClient({
  host: '127.0.0.1',
  port: Number(port),
  app: 'demo',
  uid: 'alice',
  deviceType: 'phone',
  deviceId: 'phone1',
  token: 'token',
  storage: new FileStorage(String(path)),
});
client.onMessage(async (message) => {
  process.stdout.write(`${message.text}\n`);
  if (message.text === 'hang' && mode === 'hang') await new Promise(() => {});
  if (message.text === 'bye') void client.close();
});
await client.connect();
await client.send({ to: 'bob', text: 'here I am' });
