import { execFileSync } from 'node:child_process';
import { readFile, chmod, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createCgroups } from '@atoll/server/runtime/cgroup';
import { readCgroupLayout } from '@atoll/server/runtime/cgroup-layout';
import { tempDir } from '../fixtures/temp-dir.ts';
import { openDriverStand, standDirs } from './driver-stand.ts';
import type { DriverKind, DriverStand } from './driver-stand.ts';

const never = new AbortController().signal;
const SETUP_TIMEOUT_MS = 120_000;
const isRoot = process.getuid?.() === 0;
const STILL_MS = 500;
const isLong = process.env['ATOLL_TEST_LONG'] === '1';

/** Writes into a file how many milliseconds it has missed at most between two looks at the clock. */
const missedTime = `perl -MTime::HiRes=time -e '
  my ($last, $longest, $written) = (time, 0, -1);
  while (1) {
    select(undef, undef, undef, 0.005);
    my $now = time; my $missed = ($now - $last) * 1000; $last = $now;
    $longest = $missed if $missed > $longest;
    next if $longest <= $written;
    open(my $out, ">", "/missed.new"); print $out int($longest); close $out;
    rename "/missed.new", "/missed"; $written = $longest;
  }'`;

/** Writes as many files as the dependencies of a large project have, and counts them. */
const install = `
import os
for package in range(2500):
    folder = "/opt/node_modules/%d/lib" % package
    os.makedirs(folder)
    for index in range(20):
        open("%s/%d.js" % (folder, index), "wb").write(os.urandom(6000))
print(sum(len(files) for _, _, files in os.walk("/opt/node_modules")))`;

const kinds: { kind: DriverKind; isIsolated: boolean; needsRoot: boolean }[] = [
  { kind: 'gvisor', isIsolated: true, needsRoot: true },
  { kind: 'native', isIsolated: true, needsRoot: true },
  { kind: 'fake', isIsolated: false, needsRoot: false },
];

describe.each(kinds.filter(({ needsRoot }) => isRoot || !needsRoot))(
  'driver $kind',
  ({ kind, isIsolated }) => {
    let stand: DriverStand;
    beforeAll(async () => {
      stand = await openDriverStand(kind);
    }, SETUP_TIMEOUT_MS);
    afterEach(() => stand.removeAll());
    afterAll(() => stand.close(), SETUP_TIMEOUT_MS);

    test('a sandbox goes from absent over running to absent and leaves nothing', async () => {
      const { driver } = stand;
      const slot = await stand.newSlot();
      expect(await driver.state(slot.id)).toBe('absent');
      await driver.prepare(slot, never);
      expect(await driver.state(slot.id)).toBe('stopped');
      const { agent } = await stand.start(slot);
      expect(await agent.isHealthy()).toBe(true);
      expect(await agent.statusWithoutToken()).toBe(401);
      expect(await driver.state(slot.id)).toBe('running');
      expect(await driver.list()).toEqual([slot.id]);
      const stats = await driver.stats(slot.id);
      expect(stats.processCount).toBeGreaterThan(0);
      expect(stats.memoryBytes).toBeGreaterThan(1024 * 1024);
      // Without isolation nothing counts what one sandbox writes.
      if (isIsolated) await agent.sh('head -c 8388608 /dev/urandom > /eight; sync');
      const hasEight = (bytes?: number): boolean => (bytes ?? 0) > 8 * 2 ** 20;
      await expect.poll(async () => hasEight(await driver.diskBytes(slot.id))).toBe(isIsolated);
      await driver.remove(slot.id);
      expect(await driver.state(slot.id)).toBe('absent');
      expect(await stand.census()).toEqual([]);
    });

    test('removing an unknown slot, or a slot twice, does nothing', async () => {
      const { slot } = await stand.newSandbox();
      await stand.driver.remove('unknown1');
      await stand.driver.remove(slot.id);
      await stand.driver.remove(slot.id);
      expect(await stand.census()).toEqual([]);
    });

    test('a prepared slot that is never started is removed', async () => {
      const slot = await stand.newSlot();
      await stand.driver.prepare(slot, never);
      await stand.driver.remove(slot.id);
      expect(await stand.census()).toEqual([]);
    });

    test('removal ends a start in flight', async () => {
      const slot = await stand.newSlot();
      await stand.driver.prepare(slot, never);
      const started = stand.driver.start(slot, await stand.specFor(slot), never);
      const [outcome] = await Promise.allSettled([started, stand.driver.remove(slot.id)]);
      expect(outcome.status).toBe('rejected');
      expect(await stand.census()).toEqual([]);
    });

    test('removal ends a preparation in flight', async () => {
      const slot = await stand.newSlot();
      const prepared = stand.driver.prepare(slot, never);
      const [outcome] = await Promise.allSettled([prepared, stand.driver.remove(slot.id)]);
      expect([outcome.status, isIsolated]).toEqual([isIsolated ? 'rejected' : 'fulfilled', isIsolated]);
      await stand.driver.remove(slot.id);
      expect(await stand.census()).toEqual([]);
    });

    test('an aborted start fails and its slot can be removed', async () => {
      const slot = await stand.newSlot();
      await stand.driver.prepare(slot, never);
      const spec = await stand.specFor(slot);
      await expect(stand.driver.start(slot, spec, AbortSignal.abort(new Error('enough')))).rejects.toThrow();
      await stand.driver.remove(slot.id);
      expect(await stand.census()).toEqual([]);
    });

    test('a start without a working agent says why and its slot can be removed', async () => {
      const slot = await stand.newSlot();
      await stand.driver.prepare(slot, never);
      const agentBinary = join(await tempDir(), 'agent');
      await writeFile(agentBinary, '#!/bin/sh\necho no such luck >&2\nexit 3\n', { mode: 0o755 });
      const spec = await stand.specFor(slot, { agentBinary });
      const error: unknown = await stand.driver.start(slot, spec, never).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(Error);
      expect(String(error instanceof Error && error.cause)).toContain('no such luck');
      await stand.driver.remove(slot.id);
      expect(await stand.census()).toEqual([]);
    });

    test('a driver that starts anew finds, measures and removes what runs', async () => {
      const { slot, agent } = await stand.newSandbox();
      const prepared = await stand.newSlot();
      await stand.driver.prepare(prepared, never);
      const second = await stand.reopenDriver();
      expect((await second.list()).toSorted()).toEqual([slot.id, prepared.id].toSorted());
      expect(await second.state(slot.id)).toBe('running');
      expect((await second.stats(slot.id)).processCount).toBeGreaterThan(0);
      expect(await agent.isHealthy()).toBe(true);
      await second.remove(slot.id);
      await second.remove(prepared.id);
      expect(await stand.census()).toEqual([]);
    });

    test('a frozen sandbox answers nothing, runs, and answers again', async () => {
      const { driver } = stand;
      const { slot, agent } = await stand.newSandbox();
      await driver.freeze(slot.id);
      await driver.freeze(slot.id);
      expect(await agent.isHealthy(300)).toBe(false);
      expect(await driver.state(slot.id)).toBe('running');
      await driver.thaw(slot.id);
      await driver.thaw(slot.id);
      expect(await agent.isHealthy()).toBe(true);
    });

    test('a frozen sandbox can be removed', async () => {
      const { slot } = await stand.newSandbox();
      await stand.driver.freeze(slot.id);
      await stand.driver.remove(slot.id);
      expect(await stand.census()).toEqual([]);
    });

    test('ten sandboxes start at once', async () => {
      const slots = await Promise.all(Array.from({ length: 10 }, () => stand.newSlot()));
      for (const slot of slots) await stand.driver.prepare(slot, never);
      const sandboxes = await Promise.all(slots.map((slot) => stand.start(slot)));
      const health = await Promise.all(sandboxes.map(({ agent }) => agent.isHealthy()));
      expect(health).toEqual(slots.map(() => true));
      await Promise.all(slots.map((slot) => stand.driver.remove(slot.id)));
      expect(await stand.census()).toEqual([]);
    });

    describe.runIf(isIsolated)('isolates', () => {
      test('a frozen sandbox stands still, and goes on where it was', async () => {
        const { driver } = stand;
        const { slot, agent } = await stand.newSandbox();
        // A program that looks at the clock all the time misses as much of it as it stood still.
        const begin = `( ${missedTime} ) </dev/null >/dev/null 2>&1 & until [ -s /missed ]; do sleep 0.02; done`;
        await agent.sh(begin);
        await driver.freeze(slot.id);
        await sleep(STILL_MS);
        await driver.thaw(slot.id);
        const missedMs = async () => Number((await agent.sh('cat /missed')).output);
        await expect.poll(missedMs, { timeout: 20_000 }).toBeGreaterThan(STILL_MS * 0.9);
      });

      test('a sandbox that has stood still twice starts processes', async () => {
        const { slot, agent } = await stand.newSandbox();
        for (let time = 0; time < 2; time += 1) {
          await stand.driver.freeze(slot.id);
          await stand.driver.thaw(slot.id);
        }
        expect(await agent.sh('echo here')).toMatchObject({ output: 'here' });
      });

      test('the sandbox has its own host name, process 1 and files', async () => {
        const { agent } = await stand.newSandbox();
        const { output } = await agent.sh('uname -n; tr "\\0" " " < /proc/1/cmdline; cat /etc/os-release');
        expect(output).toContain('tl-sbx');
        expect(output).toContain('/.atoll/agent --identity /.atoll/identity');
        expect(output).toContain('Debian');
      });

      test('what a sandbox writes is its own, and agent and identity cannot be written', async () => {
        const [first, second] = [await stand.newSandbox(), await stand.newSandbox()];
        await first.agent.sh('echo changed > /etc/os-release; touch /tmp/mine');
        const { output } = await second.agent.sh('cat /etc/os-release; ls /tmp');
        expect(output).not.toMatch(/changed|mine/);
        const attempt = 'mount -o remount,rw /.atoll/identity; echo x > /.atoll/identity/agent.json';
        expect((await first.agent.sh(attempt)).exitCode).not.toBe(0);
      });

      test('the disk is full at its limit and the sandbox lives', async () => {
        const { agent } = await stand.newSandbox({ diskMb: 64 });
        const { output } = await agent.sh('dd if=/dev/zero of=/tmp/big bs=1M 2>&1; df -m / | tail -1');
        expect(output).toContain('No space left on device');
        expect(output).toMatch(/\s64\s/);
        expect(await agent.isHealthy()).toBe(true);
      });

      test('a process that eats the memory dies alone', async () => {
        const { slot, agent } = await stand.newSandbox({ memoryMb: 256 });
        const hog = await agent.sh('exec python3 -c "a = [bytearray(8 << 20) for _ in range(200)]"');
        expect(hog.exitCode === 0).toBe(false);
        expect(await agent.isHealthy()).toBe(true);
        expect(await stand.driver.state(slot.id)).toBe('running');
      });

      test('a fork bomb stays in its sandbox, which lives', async () => {
        const { agent } = await stand.newSandbox();
        const bomb = 'b() { b | b & }; b; sleep 3; kill -9 -1; true';
        await agent.sh(`(${bomb}) 2>/dev/null; true`);
        expect(await agent.isHealthy(20_000)).toBe(true);
      });

      test('a thousand sleepers do not end the sandbox', async () => {
        const { agent } = await stand.newSandbox({ memoryMb: 512 });
        await agent.sh('for i in $(seq 1000); do sleep 100 & done 2>/dev/null; true');
        expect(await agent.isHealthy(20_000)).toBe(true);
      });

      test.runIf(isLong)('an installation of 50,000 files fits into 512 MB', async () => {
        const { agent } = await stand.newSandbox({ memoryMb: 512, diskMb: 2048 });
        const { exitCode, output } = await agent.sh(`python3 -c '${install}'`);
        expect([exitCode, output]).toEqual([0, '50000']);
        expect(await agent.isHealthy()).toBe(true);
      });

      test('a full /dev/shm does not end the sandbox', async () => {
        const { agent } = await stand.newSandbox();
        const { output } = await agent.sh('dd if=/dev/zero of=/dev/shm/big bs=1M 2>&1');
        expect(output).toContain('No space left on device');
        expect(await agent.isHealthy()).toBe(true);
      });

      test('/dev cannot be filled, and its devices work', async () => {
        const { agent } = await stand.newSandbox();
        const { output } = await agent.sh('dd if=/dev/zero of=/dev/big bs=1M count=700 2>&1');
        expect(output).toMatch(/Read-only file system|No space left on device/);
        const use =
          'echo x > /dev/null; echo x > /dev/shm/x; head -c 3 /dev/zero | wc -c; echo | tee /dev/stderr';
        const terminal = 'python3 -c "import os; print(os.ttyname(os.openpty()[1]))"';
        const used = await agent.sh(`(${use}; ${terminal}) 2>&1`);
        expect(used.output).toContain('/dev/pts/');
        expect(used.output).not.toMatch(/denied|Read-only|No such/);
        expect(await agent.isHealthy()).toBe(true);
      });

      test.runIf(kind === 'native')(
        'a rootfs that the runtime refuses fails at once and says why',
        async () => {
          const layer = await tempDir();
          await chmod(layer, 0o755);
          await symlink('/etc', join(layer, 'proc'));
          const slot = await stand.newSlot();
          await stand.driver.prepare(slot, never);
          const startedAt = performance.now();
          const error: unknown = await stand
            .start(slot, { layers: [layer] })
            .catch((cause: unknown) => cause);
          expect(performance.now() - startedAt).toBeLessThan(5_000);
          expect(String(error instanceof Error && error.cause)).toContain('`/proc` is invalid');
          await stand.driver.remove(slot.id);
          expect(await stand.census()).toEqual([]);
        },
      );

      test.runIf(kind === 'native')(
        'the kernel takes a child before the agent, which has no privilege',
        async () => {
          const { agent } = await stand.newSandbox();
          // The agent marks a process right after its start, so the process may be the first to look.
          const marked =
            'for _ in $(seq 100); do grep -q 500 /proc/$$/oom_score_adj && break; sleep 0.05; done';
          const { output } = await agent.sh(`${marked}; cat /proc/1/oom_score_adj /proc/$$/oom_score_adj`);
          expect(output.split('\n').slice(0, 2)).toEqual(['0', '500']);
        },
      );

      test.runIf(kind === 'native')('a device node of a layer opens no device', async () => {
        const layer = await tempDir();
        await chmod(layer, 0o755);
        execFileSync('mknod', ['-m', '666', join(layer, 'zero'), 'c', '1', '5']);
        const { agent } = await stand.newSandbox({}, layer);
        const { output } = await agent.sh('ls -l /zero; head -c 4 /dev/zero | wc -c; head -c 4 /zero 2>&1');
        expect(output).toMatch(/^crw-rw-rw-.* 1, 5 .*\n4\n.*Permission denied/);
      });

      test.runIf(kind === 'native')(
        'the root file system follows no redirects and opens no devices',
        async () => {
          const { agent } = await stand.newSandbox();
          const { output } = await agent.sh('grep " / / " /proc/self/mountinfo');
          const [mount = '', superblock = ''] = output.trim().split(' - ');
          expect(mount.split(' ')[5]?.split(',')).toContain('nodev');
          expect(superblock).toMatch(/^overlay .*\bredirect_dir=nofollow\b/);
          expect(superblock).not.toContain('metacopy=on');
        },
      );

      test.runIf(kind === 'native')('process 1 takes no signal from inside', async () => {
        const { agent } = await stand.newSandbox();
        await agent.sh('kill -9 1');
        expect(await agent.isHealthy()).toBe(true);
      });

      test.runIf(kind === 'gvisor')('a sandbox that the host ends for want of memory says so', async () => {
        const { slot, agent } = await stand.newSandbox({ memoryMb: 512 });
        expect(await stand.driver.wasKilledForMemory(slot.id)).toBe(false);
        const { instanceId } = stand.folders;
        const cgroups = createCgroups({ layout: await readCgroupLayout(), instanceId });
        const { memoryBytes } = await stand.driver.stats(slot.id);
        await cgroups.limit(slot.id, { memoryBytes: memoryBytes + (64 << 20) });
        // Nobody answers once the sandbox is gone.
        void agent.sh('exec python3 -c "a = bytearray(300 << 20)"').catch(() => {});
        await expect.poll(() => stand.driver.state(slot.id), { timeout: 10_000 }).toBe('stopped');
        expect(await stand.driver.wasKilledForMemory(slot.id)).toBe(true);
      });

      test.runIf(kind === 'gvisor')('a sandbox whose process 1 is killed is stopped', async () => {
        const { slot, agent } = await stand.newSandbox();
        await agent.sh('kill -9 1').catch(() => {});
        await expect.poll(() => stand.driver.state(slot.id)).toBe('stopped');
      });
    });
  },
);

test('the host keeps no mount of the suite', async () => {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  expect(standDirs.filter((dir) => mounts.includes(dir))).toEqual([]);
});
