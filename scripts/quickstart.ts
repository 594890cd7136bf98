/** `make quickstart`: from nothing to a program that ran in a gVisor sandbox, with what each step took. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxClient } from '@atoll/sdk';
import { z } from 'zod';

const root = join(import.meta.dirname, '..');
const program = 'import platform; print("Hello from", platform.system(), platform.release())';

/** Runs a step and prints what it took. */
async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  const took = `${Math.round(performance.now() - startedAt)} ms`;
  process.stderr.write(`  ${title.padEnd(44)} ${took.padStart(8)}\n`);
  return result;
}

/** Starts the server as a user would, and waits for the log line that says it listens. */
async function startServer(dataDir: string): Promise<{ server: ChildProcess; url: string }> {
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
  return { server, url: readServerUrl(dataDir) };
}

const readServerUrl = (dataDir: string): string => {
  const file: unknown = JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8'));
  return z.object({ url: z.string() }).parse(file).url;
};

async function stopServer(server: ChildProcess): Promise<void> {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
}

async function main(): Promise<void> {
  // Kept, so that a second run finds the base image unpacked.
  const dataDir = join(root, '.build', 'quickstart');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  process.stderr.write('\nA sandbox from one command:\n\n');
  const { server, url } = await step('start the server', () => startServer(dataDir));
  try {
    const apiKey = readFileSync(join(dataDir, 'admin-key'), 'utf8').trim();
    const client = new SandboxClient({ apiUrl: url, apiKey });
    const sandbox = await step('create a gVisor sandbox', () => client.createAndConnect());
    const result = await step(`run Python in it`, () => sandbox.run('python', { args: ['-c', program] }));
    await step('terminate the sandbox', () => sandbox.terminate());
    process.stderr.write('\n');
    process.stdout.write(`${result.stdout}\n`);
    if (result.exitCode !== 0) throw new Error(`the program ended with ${result.exitCode}: ${result.stderr}`);
  } finally {
    await step('stop the server', () => stopServer(server));
  }
  process.stderr.write(
    '\nNext: `bin/atoll server`, then `bin/atoll sbx run -- echo hi`, or its address in a browser. README.md has the rest.\n',
  );
}

await main();
