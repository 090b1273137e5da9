// A collector in a process of its own, for a namespace of its own: prints each datagram that comes to ADDRESS PORT as a line of hex digits.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const [, , address, port] = process.argv;
const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
socket.on('message', (datagram) => process.stdout.write(`${datagram.toString('hex')}\n`));
socket.bind(Number(port), address, () => process.stdout.write('ready\n'));
