// One end of a TCP transfer: `receive ADDRESS BYTES` prints the address it listens on, then bytes and hash received;
// `send ADDRESS PORT BYTES` prints bytes and hash sent.
import { createHash } from 'node:crypto';
import { createServer, connect } from 'node:net';

const [role, address, number, size] = process.argv.slice(2);

/** Repeatable bytes: position decides the content, so that a hole or a swap shows in the hash. */
function* chunks(total) {
  const block = Buffer.alloc(65536);
  for (let sent = 0; sent < total; sent += block.length) {
    for (let i = 0; i < block.length; i += 4) block.writeUInt32LE((sent + i) >>> 0, i);
    yield Buffer.from(block.subarray(0, Math.min(block.length, total - sent)));
  }
}

if (role === 'receive') {
  const server = createServer((socket) => {
    const hash = createHash('sha256');
    let bytes = 0;
    socket.on('data', (data) => {
      hash.update(data);
      bytes += data.length;
    });
    socket.on('end', () => {
      console.log(JSON.stringify({ bytes, hash: hash.digest('hex') }));
      socket.end();
      server.close();
    });
  });
  server.listen(0, address, () => console.log(JSON.stringify({ port: server.address().port })));
} else {
  const hash = createHash('sha256');
  const socket = connect({ host: address, port: Number(number) });
  let bytes = 0;
  for (const chunk of chunks(Number(size))) {
    hash.update(chunk);
    bytes += chunk.length;
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.end();
  await new Promise((resolve) => socket.once('close', resolve));
  console.log(JSON.stringify({ bytes, hash: hash.digest('hex') }));
}
