import { SandboxClient } from '@atoll/sdk';
import type { Sandbox } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readUsage } from '../fixtures/process-usage.ts';
import type { TestServer } from '../fixtures/server.ts';

/** What uses something up, as a script of root, and what it has to print where the limit shows itself to it. */
const scripts: Record<string, { script: string; prints: RegExp }> = {
  'fork bomb': { script: '(b() { b | b & }; b; sleep 0.5; kill -9 -1) 2>/dev/null; true', prints: /^/ },
  'memory hog': {
    script: 'python3 -c "a = [bytearray(8 << 20) for _ in range(200)]"; echo "ended by $?"',
    prints: /ended by (137|1)$/,
  },
  'full disk': {
    script: 'dd if=/dev/zero of=/var/tmp/big bs=1M count=200 2>&1; rm /var/tmp/big',
    prints: /No space left/,
  },
  'full /dev/shm': {
    script: 'dd if=/dev/zero of=/dev/shm/big bs=1M 2>&1; rm -f /dev/shm/big',
    prints: /No space left/,
  },
  // Where there is no table of fixed size, they cost the memory of the sandbox.
  'disk full of empty files': {
    script: `mkdir /var/tmp/many; timeout 1.5 python3 -c '
import itertools
for index in itertools.count(): open(f"/var/tmp/many/{index}", "w").close()' 2>&1; echo "ended by $?"; rm -rf /var/tmp/many`,
    prints: /No space left on device|ended by 124$/,
  },
};
const FLOOD = `timeout 1.5 yes ${'x'.repeat(1000)}`;
const FLOOD_NAME = 'flood of output';
const MAX_SERVER_GROWTH_MB = 150;

/** The names of all, for the record. */
export const exhaustionNames = [...Object.keys(scripts), FLOOD_NAME];

/** Using up what a sandbox has ends in that sandbox, which stays usable. Tells what was found. */
export function testExhaustion(
  getServer: () => TestServer,
  keep: (name: string, found: string) => void,
): void {
  let client: SandboxClient;
  let sandbox: Sandbox;
  let bystander: Sandbox;
  beforeAll(async () => {
    const { url: apiUrl, apiKey } = getServer();
    client = new SandboxClient({ apiUrl, apiKey });
    const create = () => client.createAndConnect({ memoryMb: 512, diskMb: 64 });
    [sandbox, bystander] = await Promise.all([create(), create()]);
  });
  afterAll(() => Promise.all([sandbox, bystander].map((each) => each.terminate())));

  const answer = async (each: Sandbox): Promise<string> => (await each.run('echo', ['alive'])).stdout;
  const survives = async (name: string): Promise<void> => {
    expect(await Promise.all([answer(sandbox), answer(bystander)])).toEqual(['alive', 'alive']);
    keep(name, 'the sandbox answers on, and so does another');
  };

  test.each(Object.entries(scripts))('survives a %s', async (name, { script, prints }) => {
    const { stdout } = await sandbox.run('/bin/bash', ['-c', script], { user: 'root' });
    expect(stdout).toMatch(prints);
    await survives(name);
  });

  test(`survives a ${FLOOD_NAME}, which costs the server little`, async () => {
    const before = readUsage(getServer().pid).memoryMb;
    const { pid } = await sandbox.startProcess('/bin/sh', ['-c', FLOOD]);
    const ended = async (): Promise<unknown> => (await sandbox.getProcess(pid)).status;
    await expect.poll(ended, { timeout: 60_000 }).not.toBe('running');
    expect(readUsage(getServer().pid).memoryMb - before).toBeLessThan(MAX_SERVER_GROWTH_MB);
    await survives(FLOOD_NAME);
  });
}
