/**
 * SSH agents that the client of a build lends to it. What a process of the build asks an agent comes as an event of a stream
 * that the client holds open; the client asks its agent and sends the answer. Messages are those of the agent's own
 * protocol (draft-miller-ssh-agent), without their length, in base64. No private key is ever part of one.
 */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

/** Base64 of the longest message that OpenSSH takes, 256 KiB. */
const message = z.base64().min(4).max(350_000);

export const sshEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('request'),
    /** Names the request in its answer. */
    request: z.string(),
    /** One connection to the agent: what is said on it belongs together. */
    connection: z.string(),
    /** Which agent is asked, by the name that the build gave it. */
    agent: z.string(),
    message,
  }),
  /** Nothing more comes on a connection. */
  z.object({ type: z.literal('closed'), connection: z.string() }),
]);
export type SshEvent = z.output<typeof sshEvent>;

export const sshAnswer = z.object({
  request: z.string(),
  /** What the agent said. */
  message: message.optional(),
  /** Instead of it: why it did not. The step fails then. */
  error: z.string().max(1000).optional(),
});
export type SshAnswer = z.output<typeof sshAnswer>;

const tag = 'Builds';
const params = z.object({ id: z.string() });

export const lendSshAgents = defineRoute({
  id: 'lendSshAgents',
  method: 'POST',
  paths: ['/v1/builds/{id}/ssh'],
  summary:
    "Lend the SSH agents that a build was begun with: server-sent events (request, closed) until it ends. For the build's own key",
  tag,
  access: 'member',
  params,
  responseKind: 'stream',
  status: 200,
  errors: ['not_found', 'conflict'],
});

export const answerSshRequest = defineRoute({
  id: 'answerSshRequest',
  method: 'POST',
  paths: ['/v1/builds/{id}/ssh/answers'],
  summary: 'Answer a request to a lent SSH agent; one that nobody waits for any more is dropped',
  tag,
  access: 'member',
  params,
  body: sshAnswer,
  status: 204,
  errors: ['not_found', 'conflict', 'invalid_request'],
});
