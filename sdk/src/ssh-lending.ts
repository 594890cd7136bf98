import { setTimeout as pause } from 'node:timers/promises';
import type { BuildClient, SshEvent } from './build-client.ts';
import { SandboxConnectionError } from './errors.ts';
import { openSshAgent } from './ssh-agent-connection.ts';
import type { SshAgentConnection } from './ssh-agent-connection.ts';

/** How often in a row the way to the server may break before lending ends. */
const MAX_BREAKS = 5;
const PAUSE_MS = 200;

export interface Lending {
  buildId: string;
  /** The sockets of the agents, by the names that the build gives them. */
  agents: ReadonlyMap<string, string>;
  signal: AbortSignal;
}

/** Answers what a build asks SSH agents of this machine, until it ends or the signal does. */
export async function lendSshAgents(
  client: BuildClient,
  { buildId, agents, signal }: Lending,
): Promise<void> {
  const connections = new Map<string, Promise<SshAgentConnection>>();
  try {
    for (let breaks = 0; ; breaks += 1) {
      try {
        for await (const event of client.lendSshAgents(buildId, { signal })) {
          breaks = 0;
          if (event.type === 'closed') closeConnection(connections, event.connection);
          else void answer(client, { buildId, agents, signal }, connections, event);
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof SandboxConnectionError) || breaks >= MAX_BREAKS) throw error;
      }
      await pause(PAUSE_MS * 2 ** breaks);
    }
  } finally {
    for (const id of connections.keys()) closeConnection(connections, id);
  }
}

async function answer(
  client: BuildClient,
  { buildId, agents, signal }: Lending,
  connections: Map<string, Promise<SshAgentConnection>>,
  { request, connection, agent, message }: Extract<SshEvent, { type: 'request' }>,
): Promise<void> {
  const open = connections.get(connection) ?? openSshAgent(agents.get(agent) ?? '');
  connections.set(connection, open);
  const said = await open
    .then((found) => found.ask(Buffer.from(message, 'base64')))
    .then(
      (bytes) => ({ message: Buffer.from(bytes).toString('base64') }),
      (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
    );
  // An answer that does not arrive is asked for again, or given up by the build, which says so.
  await client.answerSshRequest(buildId, { request, ...said }, { signal }).catch(() => undefined);
}

function closeConnection(connections: Map<string, Promise<SshAgentConnection>>, id: string): void {
  const open = connections.get(id);
  connections.delete(id);
  open?.then((found) => found.close()).catch(() => undefined);
}
