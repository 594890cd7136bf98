import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SandboxClient } from '@atoll/sdk';
import { projectRoot, serverFlags } from './stand.ts';

const START_TIMEOUT_MS = 180_000;

/** A server as a process of its own, so that its memory is nobody else's. */
export interface ServerProcess {
  url: string;
  client: SandboxClient;
  instanceId: string;
  /** How much memory it uses now. */
  residentMb: () => number;
  openFileCount: () => number;
  stop: () => Promise<void>;
}

/** Starts `atoll server` on gVisor, with so many slots kept ready. */
export async function startServerProcess(dataDir: string, slots: number): Promise<ServerProcess> {
  const child = spawn(
    join(projectRoot, 'bin', 'atoll'),
    ['server', ...serverFlags(dataDir, 'gvisor', slots)],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const url = await listening(child);
  const read = (name: string): string => readFileSync(join(dataDir, name), 'utf8').trim();
  return {
    url,
    client: new SandboxClient({ apiUrl: url, apiKey: read('admin-key') }),
    instanceId: read('instance-id'),
    residentMb: () => Math.round(residentKb(child.pid ?? 0) / 1024),
    openFileCount: () => readdirSync(`/proc/${child.pid}/fd`).length,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function listening(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error('the server does not listen')), START_TIMEOUT_MS);
  child.once('exit', () => reject(new Error('the server ended')));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (url !== undefined) resolve(url);
    });
  }
  try {
    return await promise;
  } catch (error) {
    child.kill('SIGTERM');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
