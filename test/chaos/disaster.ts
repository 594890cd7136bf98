import { clearHost } from '../fixtures/sweep.ts';
import type { TestServer } from '../fixtures/server.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import { readRecords } from './records.ts';
import { createCalls } from './sandbox-calls.ts';
import { processesOfSlot } from './slot-process.ts';

export const disasters = ['none', 'server', 'sentry', 'agent', 'reboot'] as const;
export type Disaster = (typeof disasters)[number];

const sentry = / boot .*--bundle/;

/** Lets it happen, and a server run again afterwards. */
export async function strike(
  disaster: Disaster,
  server: TestServer,
  ledger: Ledger,
  random: Random,
): Promise<void> {
  if (disaster === 'server') await restartAfterKill(server);
  if (disaster === 'reboot') await reboot(server, ledger);
  if (disaster === 'sentry') killSentry(server, ledger, random);
  if (disaster === 'agent') await killAgent(server, ledger, random);
}

async function restartAfterKill(server: TestServer): Promise<void> {
  await server.kill9();
  await server.restart();
}

/** All of the server's processes end and all that it keeps in memory goes: mounts, namespaces, rules, /run. */
async function reboot(server: TestServer, ledger: Ledger): Promise<void> {
  await server.kill9();
  ledger.loseMemory(readRecords(server.dataDir));
  await clearHost(server, await server.census());
  await server.restart();
}

function killSentry(server: TestServer, ledger: Ledger, random: Random): void {
  const inMemory = readRecords(server.dataDir).filter(({ slotId }) => slotId !== null);
  const victim = random.pick(inMemory);
  const owned = ledger.sandboxes.get(victim?.id ?? '');
  if (victim?.slotId == null || owned === undefined) return;
  owned.mayHaveEnded = true;
  for (const { pid, line } of processesOfSlot(victim.slotId)) if (sentry.test(line)) kill(pid);
}

async function killAgent(server: TestServer, ledger: Ledger, random: Random): Promise<void> {
  const [id, owned] = ledger.pick(random) ?? [];
  if (id === undefined || owned === undefined) return;
  owned.mayHaveEnded = true;
  await createCalls(server).runAsRoot(id, 'kill -9 1');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
