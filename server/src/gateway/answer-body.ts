import { ServerResponse } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { passReads } from '../lib/bulk-socket.ts';

/** From here on it pays to have a connection for one answer alone. */
const BULK_BYTES = 1024 * 1024;

/**
 * Passes the body of an answer on, with back-pressure. Whoever calls this tells the client of an answer that breaks
 * off, and lets one that has been passed on as a whole be: then `response` has been ended.
 */
export function passBody(call: ClientRequest, answer: IncomingMessage, response: ServerResponse): void {
  const length = bulkLengthOf(call, answer);
  if (length === undefined) return void answer.pipe(response);
  // The piece that the head came in is still being parsed.
  process.nextTick(() => passBulk(call, answer, response, length));
}

/** The length of a body that is known to be large: neither pieces with a frame each, nor a length that stands for none. */
function bulkLengthOf({ method }: ClientRequest, answer: IncomingMessage): number | undefined {
  const { headers, statusCode } = answer;
  const isBodyless = method === 'HEAD' || statusCode === 204 || statusCode === 304;
  if (isBodyless || headers['transfer-encoding'] !== undefined) return undefined;
  const length = Number(headers['content-length'] ?? 0);
  return length >= BULK_BYTES ? length : undefined;
}

/**
 * Takes the connection away from the parser of HTTP, which copies every piece of a body: most of the time of a
 * large answer went into that and into collecting the copies. Only the length matters by now, and it is counted
 * here; what comes after it is dropped, and the connection is not used again. To the parser the answer stays
 * unfinished, so an end before its time still fails the call.
 */
function passBulk(
  call: ClientRequest,
  answer: IncomingMessage,
  response: ServerResponse,
  length: number,
): void {
  // The parser's connection, which the gateway makes: there are no others than TCP's.
  const socket = answer.socket as Socket | null;
  if (socket === null || answer.destroyed || response.destroyed) return void response.destroy();
  let left = length;
  const take = (piece: Buffer): Buffer => {
    const part = piece.length > left ? piece.subarray(0, left) : piece;
    left -= part.length;
    if (left === 0 && part.length > 0) process.nextTick(finish);
    return part;
  };
  const finish = (): void => {
    response.end();
    call.destroy();
  };
  // The head is out, so the body can go straight to the connection. An answer of HTTP/2, or one that waits for those
  // before it, has none.
  const client = (response instanceof ServerResponse && response.socket) || response;
  socket.removeAllListeners('data');
  const parsed: unknown = answer.read();
  if (parsed instanceof Buffer) client.write(take(parsed));
  passReads(socket, client, take);
}
