import { setTimeout as pause } from 'node:timers/promises';
import type { SshAnswer } from '@atoll/protocol';
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

/** What this process does for a build. */
interface Desk extends Lending {
  client: BuildClient;
  connections: Map<string, Promise<SshAgentConnection>>;
  /** Requests that are being answered. Who comes back after a break is told them again. */
  inHand: Set<string>;
}

type SshRequest = Extract<SshEvent, { type: 'request' }>;

/** Answers what a build asks SSH agents of this machine, until it ends or the signal does. */
export async function lendSshAgents(client: BuildClient, lending: Lending): Promise<void> {
  const { buildId, signal } = lending;
  const desk: Desk = { ...lending, client, connections: new Map(), inHand: new Set() };
  try {
    for (let breaks = 0; ; breaks += 1) {
      try {
        for await (const event of client.lendSshAgents(buildId, { signal })) {
          breaks = 0;
          if (event.type === 'closed') closeConnection(desk, event.connection);
          else if (!desk.inHand.has(event.request)) void answer(desk, event);
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!isBreak(error, breaks)) throw error;
      }
      await pause(PAUSE_MS * 2 ** breaks);
    }
  } finally {
    for (const id of desk.connections.keys()) closeConnection(desk, id);
  }
}

const isBreak = (error: unknown, before: number): boolean =>
  error instanceof SandboxConnectionError && before < MAX_BREAKS;

async function answer(desk: Desk, event: SshRequest): Promise<void> {
  desk.inHand.add(event.request);
  const said = await ask(desk, event);
  await tell(desk, { request: event.request, ...said });
  desk.inHand.delete(event.request);
}

async function ask({ connections, agents }: Desk, { connection, agent, message }: SshRequest) {
  const open = connections.get(connection) ?? openSshAgent(agents.get(agent) ?? '');
  connections.set(connection, open);
  try {
    const bytes = await (await open).ask(Buffer.from(message, 'base64'));
    return { message: Buffer.from(bytes).toString('base64') };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** What does not arrive in the end is given up by the build, which says so. */
async function tell({ client, buildId, signal }: Desk, said: SshAnswer): Promise<void> {
  for (let breaks = 0; ; breaks += 1) {
    try {
      return await client.answerSshRequest(buildId, said, { signal });
    } catch (error) {
      if (signal.aborted || !isBreak(error, breaks)) return;
    }
    await pause(PAUSE_MS * 2 ** breaks);
  }
}

function closeConnection({ connections }: Desk, id: string): void {
  const open = connections.get(id);
  connections.delete(id);
  open?.then((found) => found.close()).catch(() => undefined);
}
