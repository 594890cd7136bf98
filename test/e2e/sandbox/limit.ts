import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCgroupLayout } from '../../../server/src/runtime/cgroup-layout.ts';
import { createCgroups } from '../../../server/src/runtime/cgroup.ts';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import type { TestServer } from '../../fixtures/server.ts';

/** cpus, memory_mb and disk_mb are ceilings that hold. */
export function testLimits(server: () => TestServer): void {
  let id = '';
  beforeAll(async () => {
    id = await createSandbox(server(), { resources: { cpus: 0.5, memory_mb: 256, disk_mb: 64 } });
  });
  afterAll(() => call(server(), `/sandboxes/${id}`, { method: 'DELETE' }));
  const box = () => sandboxCalls(server(), id);

  test('writing past the disk limit is ENOSPC, and room that is freed can be used again', async () => {
    const full = await box().run('dd if=/dev/zero of=/tmp/fill bs=1M count=200 2>&1; rm /tmp/fill');
    expect(full.output).toContain('No space left on device');
    const { exit } = await box().run(
      'dd if=/dev/zero of=/tmp/again bs=1M count=16 status=none && rm /tmp/again',
    );
    expect(exit).toMatchObject({ exit_code: 0 });
  });

  test('a process that eats past the memory limit dies alone and is reported', async () => {
    const bystander = await box().call('/api/v1/processes', { body: { command: 'sleep', args: ['300'] } });
    const { pid } = bystander.body as { pid: number }; // wire 2.2
    const hog = await box().run('exec python3 -c "x = []\nwhile True: x.append(bytearray(8 << 20))"');
    expect(hog.exit).toEqual(expect.objectContaining({ signal: 9, oom_killed: true }));
    expect(await box().call(`/api/v1/processes/${pid}`)).toMatchObject({ body: { status: 'running' } });
    expect((await box().run('echo alive')).output).toBe('alive');
    expect(await call(server(), `/sandboxes/${id}`)).toMatchObject({ body: { status: 'running' } });
  });

  test('two busy processes together get the half CPU that was asked for', async () => {
    const cgroups = createCgroups({ layout: await readCgroupLayout(), instanceId: server().instanceId });
    const usedMs = async (): Promise<number> => {
      const stats = await Promise.all((await cgroups.list()).map((name) => cgroups.stats(name)));
      return stats.reduce((sum, each) => sum + (each?.cpuUsageMs ?? 0), 0);
    };
    const [begun, before] = [Date.now(), await usedMs()];
    await box().run('timeout 3 sh -c "while :; do :; done" & timeout 3 sh -c "while :; do :; done"; wait');
    const share = ((await usedMs()) - before) / (Date.now() - begun);
    expect(share).toBeLessThan(0.65);
  });

  test('the size is what processes see', async () => {
    const { output } = await box().run(
      "awk '/MemTotal/{print int($2/1024)}' /proc/meminfo; df -m --output=size / | tail -1; nproc",
    );
    const [memoryMb, diskMb, cpus] = output.split('\n').map(Number);
    expect(diskMb).toBe(64);
    // Namespaces show the host's; the sentry reads its size class when it boots, and never shows fewer than two CPUs.
    if (server().runtime !== 'gvisor') return;
    expect([memoryMb, cpus]).toEqual([256, Math.min(2, availableParallelism())]);
  });
}
