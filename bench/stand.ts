import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxClient } from '@atoll/sdk';
import type { ClientOptions } from '@atoll/sdk';
import { readConfig } from '@atoll/server/config';
import type { RuntimeName } from '@atoll/server/config';
import { createLog } from '@atoll/server/lib/log';
import { startServer } from '@atoll/server/server';

export const projectRoot = join(import.meta.dirname, '..');

/** A server of the benchmark's own, with a client for it. */
export interface Stand {
  client: SandboxClient;
  /** For other clients. */
  connection: ClientOptions;
  dataDir: string;
  /** Resolves once that many slots wait to be used. */
  slotsReady: (count: number) => Promise<void>;
  close: () => Promise<void>;
}

/** Of a server on a free port of the loopback. */
export function serverFlags(dataDir: string, runtime: RuntimeName, readySlots: number): string[] {
  const values = { listen: '127.0.0.1:0', 'data-dir': dataDir, runtime, slots: String(readySlots) };
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Starts a server in this process, on a data directory that goes with it. */
export async function openStand(runtime: RuntimeName, readySlots: number): Promise<Stand> {
  const dataDir = mkdtempSync(join(tmpdir(), 'atoll-bench-'));
  const flags = serverFlags(dataDir, runtime, readySlots);
  const server = await startServer(readConfig(flags, process.env, projectRoot), createLog('error'));
  const apiKey = readFileSync(join(dataDir, 'admin-key'), 'utf8').trim();
  const connection = { apiUrl: server.url, apiKey };
  const client = new SandboxClient(connection);
  const readyCount = async (): Promise<number> => {
    const answer = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${apiKey}` } });
    return Number(/^atoll_slots_ready (\d+)$/m.exec(await answer.text())?.[1] ?? 0);
  };
  return {
    client,
    connection,
    dataDir,
    slotsReady: async (count) => {
      while ((await readyCount()) < count) await sleep(20);
    },
    close: async () => {
      for (const { sandboxId } of await client.list()) await client.delete(sandboxId);
      await server.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
