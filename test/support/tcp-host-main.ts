// TCP in a namespace, a program of its own (support/tcp-host.ts starts it): answers connections, and makes them on demand.
//   tcp-host-main.js SOCKET PORT…   listens at the ports and, for orders, at a Unix socket; then prints "listening"
// Each connection is told "CLIENT CLIENTPORT SERVER SERVERPORT" as they are seen here, and closed. Port 21 is what a tracker of FTP wants to
// see: a greeting, and to the first command that the data is at port 5001. An order is a line "ADDRESS PORT [COMMAND]": what the connection
// says comes back, until the connection or the order is closed; COMMAND is sent when something has come.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const FTP_PORT = 21;
const DATA_PORT = 5001;
const [path, ...ports] = process.argv.slice(2);

function plain(address = ''): string {
  return address.replace(/^::ffff:/, '');
}

function answer(socket: Socket): void {
  const words = [
    plain(socket.remoteAddress),
    socket.remotePort,
    plain(socket.localAddress),
    socket.localPort,
  ];
  socket.end(`${words.join(' ')}\n`);
}

function answerFtp(socket: Socket): void {
  const address = plain(socket.localAddress).replaceAll('.', ',');
  socket.write('220 ready\r\n');
  socket.once('data', () => {
    socket.end(`227 Entering Passive Mode (${address},${DATA_PORT >> 8},${DATA_PORT & 0xff})\r\n`);
  });
}

function obey(order: Socket): void {
  order.once('data', (line) => {
    const [address, port, command] = line.toString().trim().split(' ');
    const socket = connect({ host: address, port: Number(port) });
    if (command) socket.once('data', () => socket.write(`${command}\r\n`));
    socket.pipe(order);
    // What becomes of it shows in what comes back.
    socket.on('error', () => order.end());
    order.on('close', () => socket.destroy());
  });
  order.on('error', () => order.destroy());
}

async function listen(target: string | number, take: (socket: Socket) => void): Promise<void> {
  const server = createServer((socket) => {
    // The other side may be gone; whether it was answered is for it to say.
    socket.on('error', () => {});
    take(socket);
  });
  if (typeof target === 'number') server.listen(target, '::');
  else server.listen(target);
  await once(server, 'listening');
}

await listen(path, obey);
for (const port of ports.map(Number)) await listen(port, port === FTP_PORT ? answerFtp : answer);
console.log('listening');
