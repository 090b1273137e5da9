// One end of a TCP transfer, a program of its own: tests run it in a namespace.
//   tcp-peer.js receive ADDRESS           prints "listening PORT"; at the end the number of bytes and their hash
//   tcp-peer.js send ADDRESS PORT BYTES   prints the number of bytes sent and their hash
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

const BLOCK_BYTES = 1 << 16;
const [role, address, port, size] = process.argv.slice(2);
const hash = createHash('sha256');
let bytes = 0;

function count(data: Buffer): void {
  hash.update(data);
  bytes += data.length;
}

async function receive(): Promise<void> {
  const server = createServer();
  server.listen(0, address, () => console.log(`listening ${(server.address() as AddressInfo).port}`));
  const [socket] = await once(server, 'connection');
  socket.on('data', count);
  await once(socket, 'end');
  socket.end();
  server.close();
}

async function send(): Promise<void> {
  const socket = connect({ host: address, port: Number(port) });
  const total = Number(size);
  while (bytes < total) {
    // No two blocks are alike, so that one lost, doubled or out of order changes the hash.
    const block = Buffer.alloc(Math.min(BLOCK_BYTES, total - bytes));
    for (let i = 0; i + 4 <= block.length; i += 4) block.writeUInt32LE(bytes + i, i);
    count(block);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  socket.resume();
  await once(socket, 'close');
}

await (role === 'receive' ? receive() : send());
console.log(`${bytes} ${hash.digest('hex')}`);
