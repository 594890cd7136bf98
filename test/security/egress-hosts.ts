/**
 * Servers on every address given (a JSON array) and every port that somebody could try, over TCP and UDP. Says who
 * came, answers with its own address, then echoes lines.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { PORT } from './egress-stand.ts';

// The argument comes from the stand beside this file.
const addresses = JSON.parse(process.argv[2] ?? '[]') as string[];
const TCP_PORTS = [22, 53, 80, 443, 853, PORT];
const UDP_PORTS = [53, 123, 443, PORT];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function listenTcp(address: string, port: number): Promise<void> {
  const server = createServer((socket) => {
    say(`tcp ${address}`);
    socket.on('error', () => {});
    socket.write(`reached ${address}\n`);
    socket.on('data', (data) => {
      say(`${address} got ${data.toString('latin1').trim()}`);
      socket.write(data);
    });
  });
  return new Promise((resolve) => server.listen(port, address, resolve));
}

function listenUdp(address: string, port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (_, from) => {
    say(`udp ${address} from ${from.address}`);
    socket.send(`reached ${address}`, from.port, from.address);
  });
  return new Promise((resolve) => void socket.bind(port, address, resolve));
}

for (const address of addresses) {
  await Promise.all(TCP_PORTS.map((port) => listenTcp(address, port)));
  await Promise.all(UDP_PORTS.map((port) => listenUdp(address, port)));
}
say('ready');
