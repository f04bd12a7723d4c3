/** Aedes as a broker process: in-memory persistence, no Nagle. */
import * as net from 'node:net';
import { Aedes } from 'aedes';

process.title = 'bench: aedes';
const broker = await Aedes.createBroker();
const server = net.createServer({ noDelay: true }, broker.handle);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.send?.({ port: (server.address() as net.AddressInfo).port });
});
process.on('disconnect', () => process.exit(0));
