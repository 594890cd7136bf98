/** HTTP as bytes: requests that no client library would send, and what comes back. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const ANSWER_TIMEOUT_MS = 10_000;

/** Sends bytes, then reads until the other side closes or nothing has come for `quietMs`. */
export function sendRaw(url: string, bytes: string | readonly string[], quietMs = 250): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(Number(port), hostname);
    const done = (): void => {
      socket.destroy();
      resolve(received);
    };
    socket.setEncoding('latin1');
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error(`no answer; so far: ${received}`)));
    socket.on('data', (chunk: string) => {
      received += chunk;
      socket.setTimeout(quietMs, done);
    });
    socket.once('close', done);
    // A refused request may be cut while its rest is still being sent: what was answered by then counts.
    socket.once('error', (error) => (received === '' ? reject(error) : done()));
    socket.once('connect', () => void writeAll(socket, typeof bytes === 'string' ? [bytes] : bytes));
  });
}

/** Parts of one request that arrive apart from each other. */
async function writeAll(socket: Socket, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    if (socket.destroyed) return;
    socket.write(part, 'latin1');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The status of each answer in a stream of them. */
export const statusesOf = (answer: string): number[] =>
  [...answer.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status));

/** A request head from its lines. */
export const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
