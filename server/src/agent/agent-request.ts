import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { AgentAddress } from './ask-agent.ts';

export interface AgentRequest {
  method?: 'GET' | 'POST';
  path: string;
  /** Sent as JSON. */
  body?: object;
  /** Within which it has to be connected, and how long the connection may be silent; absent: for ever. */
  connectMs?: number;
  silenceMs?: number;
  signal: AbortSignal;
}

/**
 * Sends a request to an agent; resolves with its answer, of which nothing is read yet. Root in a sandbox can answer in the
 * agent's place, so whatever comes ends this: also what is no answer, after which Node tells of nothing any more.
 */
export function requestAgent(
  { endpoint, token }: AgentAddress,
  { method = 'GET', path, body, connectMs, silenceMs = 0, signal }: AgentRequest,
): Promise<IncomingMessage> {
  const sent = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request({
      host: endpoint.host,
      port: endpoint.port,
      method,
      path,
      headers: {
        'x-atoll-token': token,
        ...(sent !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(sent),
        }),
      },
      agent: false,
      timeout: silenceMs,
      signal,
    });
    if (connectMs !== undefined) limitConnecting(call, connectMs);
    call.on('error', reject);
    call.once('timeout', () => call.destroy(new Error('the agent is silent')));
    // An agent answers at once and as HTTP: whatever does otherwise is none.
    call.once('information', () => call.destroy(new Error('the agent takes a detour')));
    call.once('upgrade', (_answer, socket) => {
      socket.destroy();
      reject(new Error('the agent changes the protocol'));
    });
    call.once('response', (answer) => {
      answer.on('error', () => {}); // who reads it is told
      resolve(answer);
    });
    call.end(sent);
  });
}

function limitConnecting(call: ClientRequest, timeoutMs: number): void {
  const timer = setTimeout(() => call.destroy(new Error('no connection')), timeoutMs);
  call.once('socket', (socket) => socket.once('connect', () => clearTimeout(timer)));
  call.once('close', () => clearTimeout(timer));
}

/** What an agent says, which is read no further than it may be long. */
export async function readText(answer: IncomingMessage, maxChars: number): Promise<string> {
  let said = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    said += String(chunk);
    if (said.length <= maxChars) continue;
    answer.destroy();
    throw new Error('the answer of the agent is too long');
  }
  return said;
}
