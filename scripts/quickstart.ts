/** `make quickstart`: from nothing to a program that ran in a gVisor sandbox, with what each step took. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxClient } from '@atoll/sdk';
import { startServer, stopServer } from './local-server.ts';

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

async function main(): Promise<void> {
  // Kept, so that a second run finds the base image unpacked.
  const dataDir = join(root, '.build', 'quickstart');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  process.stderr.write('\nA sandbox from one command:\n\n');
  const server = await step('start the server', () => startServer(dataDir));
  try {
    const client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
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
