/** What a connection costs at least: a `net` server that accepts and reads, and does nothing else. */
import * as net from 'node:net';

process.title = 'bench: bare holder';
const sockets: net.Socket[] = [];
const ignore = (): void => {};
const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', ignore);
  socket.on('data', ignore);
  sockets.push(socket);
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.send?.({ port: (server.address() as net.AddressInfo).port });
});
process.on('disconnect', () => process.exit(0));
