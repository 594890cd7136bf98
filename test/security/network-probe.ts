/**
 * Runs inside a namespace and tells on standard output what its one request met.
 * Arguments: a JSON object as `ProbeRequest` of network-stand.ts.
 */
import { Resolver } from 'node:dns/promises';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { ProbeRequest } from './network-stand.ts';

const PATIENCE_MS = 700;
// The argument comes from the test beside this file.
const request = JSON.parse(process.argv[2] ?? '{}') as ProbeRequest;

function say(word: string): void {
  process.stdout.write(`${word}\n`);
}

function finish(word: string): void {
  say(word);
  process.exit(0);
}

function probeTcp(host: string, port: number): void {
  const socket = connect({ host, port, timeout: PATIENCE_MS });
  socket.once('timeout', () => finish('timeout'));
  socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'error'));
  socket.once('data', (data) => finish(`reached as ${String(data)}`));
}

/** Sends a line whenever one comes on standard input and tells what comes back. */
function holdTcp(host: string, port: number): void {
  const socket = connect({ host, port });
  socket.on('data', (data) => say(String(data)));
  socket.on('error', (error: NodeJS.ErrnoException) => say(error.code ?? 'error'));
  process.stdin.on('data', (data) => socket.write(data));
}

function probeUdp(host: string, port: number, from: string | undefined): void {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  setTimeout(() => finish('timeout'), PATIENCE_MS);
  socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'error'));
  socket.once('message', (message) => finish(`reached as ${String(message)}`));
  socket.bind(0, from, () => socket.send('probe', port, host));
}

/** Tells each caller its own address, and the test who called; then echoes. */
function serve(port: number): void {
  const tcp = createServer((socket) => {
    say(`tcp ${socket.remoteAddress}`);
    socket.write(socket.remoteAddress ?? '');
    socket.on('error', () => {});
    socket.on('data', (data) => socket.write(data));
  });
  const udp = createSocket('udp4');
  udp.on('message', (_, from) => {
    say(`udp ${from.address}`);
    udp.send(from.address, from.port, from.address);
  });
  udp.bind(port, () => tcp.listen(port, '0.0.0.0', () => say('ready')));
}

async function resolveName(server: string, name: string, type: 'A' | 'AAAA'): Promise<void> {
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([server]);
  try {
    finish(JSON.stringify(await resolver.resolve(name, type)));
  } catch (error) {
    finish(error instanceof Error && 'code' in error ? String(error.code) : 'error');
  }
}

switch (request.kind) {
  case 'tcp':
    probeTcp(request.host, request.port);
    break;
  case 'hold':
    holdTcp(request.host, request.port);
    break;
  case 'udp':
    probeUdp(request.host, request.port, request.from);
    break;
  case 'serve':
    serve(request.port);
    break;
  case 'resolve':
    await resolveName(request.server, request.name, request.type);
    break;
}
