/**
 * Terminal sessions (wire 2.5). Their input and output go over a WebSocket at `/api/v1/pty/{session_id}/ws`, tunnels
 * over one at `/api/v1/tunnels/tcp?port=N` (wire 2.6); neither is a route that answers with a body.
 */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { processBody } from './data-plane.ts';

export const ptySession = z.object({
  session_id: z.string(),
  pid: z.number(),
  command: z.string(),
  args: z.array(z.string()),
  rows: z.number(),
  cols: z.number(),
  created_at: z.number(),
  ended_at: z.number().optional(),
  exit_code: z.number().optional(),
  is_alive: z.boolean(),
});
export type PtySession = z.output<typeof ptySession>;

const terminals = {
  tag: 'Terminals',
  access: 'member',
  errors: ['sandbox_not_found', 'sandbox_ended', 'sandbox_not_running', 'connection_refused', 'not_found'],
} as const;
const session = z.object({ session_id: z.string() });

export const terminalRoutes = {
  createPty: defineRoute({
    ...terminals,
    id: 'createPty',
    method: 'POST',
    paths: ['/api/v1/pty'],
    summary: 'Start a process on a terminal; the token opens its WebSocket',
    body: processBody
      .pick({ command: true, args: true, env: true, working_dir: true, user: true })
      .extend({ rows: z.number().int().optional(), cols: z.number().int().optional() }),
    response: z.object({ session_id: z.string(), token: z.string() }),
    status: 201,
  }),
  listPtys: defineRoute({
    ...terminals,
    id: 'listPtys',
    method: 'GET',
    paths: ['/api/v1/pty'],
    summary: 'Terminal sessions, those that ended within the last minute included',
    response: z.object({ sessions: z.array(ptySession) }),
    status: 200,
  }),
  getPty: defineRoute({
    ...terminals,
    id: 'getPty',
    method: 'GET',
    paths: ['/api/v1/pty/{session_id}'],
    summary: 'One terminal session',
    params: session,
    response: ptySession,
    status: 200,
  }),
  killPty: defineRoute({
    ...terminals,
    id: 'killPty',
    method: 'DELETE',
    paths: ['/api/v1/pty/{session_id}'],
    summary: 'End a terminal session: SIGHUP, and SIGKILL after 5 s',
    params: session,
    status: 204,
  }),
  resizePty: defineRoute({
    ...terminals,
    id: 'resizePty',
    method: 'POST',
    paths: ['/api/v1/pty/{session_id}/resize'],
    summary: 'Set the size of a terminal',
    params: session,
    body: z.object({ rows: z.number().int(), cols: z.number().int() }),
    status: 204,
  }),
} as const;
