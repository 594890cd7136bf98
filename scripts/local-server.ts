import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const root = join(import.meta.dirname, '..');

export interface LocalServer {
  process: ChildProcess;
  url: string;
  apiKey: string;
}

/** Starts the server as a user would, and waits for the log line that says it listens. */
export async function startServer(dataDir: string): Promise<LocalServer> {
  const args = ['server', '--listen', '127.0.0.1:0', '--data-dir', dataDir];
  const server = spawn(join(root, 'bin', 'atoll'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise<void>((resolve, reject) => {
    let output = '';
    for (const stream of [server.stdout, server.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('"listening"')) resolve();
      });
    }
    // Not `exit`: what it said last may still be on its way.
    server.once('close', () => reject(new Error(`the server did not start:\n${output}`)));
  });
  const apiKey = readFileSync(join(dataDir, 'admin-key'), 'utf8').trim();
  return { process: server, url: readServerUrl(dataDir), apiKey };
}

const readServerUrl = (dataDir: string): string => {
  const file: unknown = JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8'));
  return z.object({ url: z.string() }).parse(file).url;
};

export async function stopServer({ process: server }: LocalServer): Promise<void> {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
}
