import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxSpec } from '@atoll/server/runtime/driver';
import { tempDir } from '../fixtures/temp-dir.ts';
import { openDriverStand } from './driver-stand.ts';
import type { DriverStand, Sandbox } from './driver-stand.ts';

const never = new AbortController().signal;
const SETUP_TIMEOUT_MS = 120_000;
const isRoot = process.getuid?.() === 0;

/** Counts in memory alone; the number of one process is that of another only if its memory came along. */
const startCounter = `
cat > /count.pl <<'END'
use strict; use IO::Socket::INET; $| = 1;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 7000);
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1:7000');
my $peer = $server->accept();
open(my $deleted, '+>', '/deleted') or die; unlink '/deleted';
pipe(my $from, my $to) or die;
print $deleted "kept";
my $memory = 'x' x (20 * 1024 * 1024);
for (my $i = 1; ; $i++) {
  syswrite($client, "$i\\n"); my $through = <$peer>;
  syswrite($to, "$i\\n"); my $piped = <$from>;
  seek($deleted, 0, 0); my $kept = <$deleted>;
  open(my $out, '>', '/state.new'); print $out "$i $through$piped$kept ", length($memory), " $$\\n"; close $out;
  rename '/state.new', '/state';
  select(undef, undef, undef, 0.05);
}
END
perl /count.pl </dev/null >/count.log 2>&1 &
for i in $(seq 100); do [ -s /state ] && break; sleep 0.05; done
cat /count.log; sleep 0.3`;

const readState = async ({ agent }: Sandbox) => {
  const [count = '', through, piped = '', ...rest] = (await agent.sh('sleep 0.2; cat /state')).output.split(
    /\s+/,
  );
  return { count: Number(count), same: count === through && piped.startsWith(count), rest };
};

describe.runIf(isRoot)('checkpoints of the driver gvisor', () => {
  let stand: DriverStand;
  beforeAll(async () => {
    stand = await openDriverStand('gvisor');
  }, SETUP_TIMEOUT_MS);
  afterEach(() => stand.removeAll());
  afterAll(() => stand.close(), SETUP_TIMEOUT_MS);

  const emptyDir = async (): Promise<string> => {
    const dir = join(await tempDir(), 'checkpoint');
    await mkdir(dir);
    return dir;
  };
  const restore = async (dir: string, changes: Partial<SandboxSpec> = {}): Promise<Sandbox> => {
    const slot = await stand.newSlot();
    await stand.driver.prepare({ ...slot, purpose: 'restore' }, never);
    return stand.restore(slot, dir, changes);
  };

  test('processes, memory, pipes, loopback connections and deleted files go on at another address', async () => {
    const source = await stand.newSandbox();
    await source.agent.sh(startCounter);
    const before = await readState(source);
    expect(before).toMatchObject({ same: true });
    const dir = await emptyDir();
    await stand.driver.checkpoint(source.slot.id, dir, { leaveRunning: false }, never);
    expect(await stand.driver.state(source.slot.id)).toBe('running');
    await stand.driver.remove(source.slot.id);
    const restored = await restore(dir);
    expect(restored.slot.endpoint.host).not.toBe(source.slot.endpoint.host);
    const after = await readState(restored);
    expect(after).toMatchObject({ same: true, rest: before.rest });
    expect(after.count).toBeGreaterThan(before.count);
    expect(await stand.driver.state(restored.slot.id)).toBe('running');
    await stand.driver.remove(restored.slot.id);
    expect(await stand.census()).toEqual([]);
  }, 60_000);

  test('copies of a source that goes on count on from its number', async () => {
    const source = await stand.newSandbox();
    await source.agent.sh(startCounter);
    const before = await readState(source);
    const dir = await emptyDir();
    await stand.driver.checkpoint(source.slot.id, dir, { leaveRunning: true }, never);
    const copies = [await restore(dir), await restore(dir)];
    const counts = (await Promise.all([source, ...copies].map(readState))).map(({ count }) => count);
    for (const count of counts) expect(count).toBeGreaterThan(before.count);
    for (const copy of copies) {
      await copy.agent.sh('echo mine > /mine');
      expect((await source.agent.sh('cat /mine')).exitCode).not.toBe(0);
    }
    // A copy can be written to disk as its source can.
    const [copy] = copies;
    const second = await emptyDir();
    await stand.driver.checkpoint(copy?.slot.id ?? '', second, { leaveRunning: false }, never);
    await stand.driver.remove(copy?.slot.id ?? '');
    expect((await readState(await restore(second))).count).toBeGreaterThan(before.count);
  }, 60_000);

  test('a standstill is undone by thaw, also by another driver object', async () => {
    const source = await stand.newSandbox();
    const dir = await emptyDir();
    await stand.driver.checkpoint(source.slot.id, dir, { leaveRunning: false }, never);
    expect(await source.agent.isHealthy(300)).toBe(false);
    const next = await stand.reopenDriver();
    await next.thaw(source.slot.id);
    await next.thaw(source.slot.id);
    expect(await source.agent.isHealthy()).toBe(true);
  }, 60_000);

  test('a checkpoint that cannot be written leaves the sandbox as it was, running or frozen', async () => {
    const source = await stand.newSandbox();
    await source.agent.sh('head -c 30000000 /dev/urandom > /dev/shm/big');
    const full = await stand.smallDisk(8);
    const other = join(full, 'other');
    await mkdir(other);
    await expect(
      stand.driver.checkpoint(source.slot.id, full, { leaveRunning: false }, never),
    ).rejects.toThrow();
    expect(await source.agent.isHealthy()).toBe(true);
    await expect(
      stand.driver.checkpoint(source.slot.id, other, { leaveRunning: true }, never),
    ).rejects.toThrow();
    expect((await source.agent.sh('echo well')).output).toBe('well');
    // One that sleeps in memory sleeps on, and wakes.
    await stand.driver.freeze(source.slot.id);
    await rm(other, { recursive: true });
    await mkdir(other);
    await expect(
      stand.driver.checkpoint(source.slot.id, other, { leaveRunning: false }, never),
    ).rejects.toThrow();
    expect(await source.agent.isHealthy(300)).toBe(false);
    await stand.driver.thaw(source.slot.id);
    expect((await source.agent.sh('echo awake')).output).toBe('awake');
  }, 60_000);

  test('half a checkpoint is refused and leaves nothing', async () => {
    const source = await stand.newSandbox();
    const dir = await emptyDir();
    await stand.driver.checkpoint(source.slot.id, dir, { leaveRunning: true }, never);
    await rm(join(dir, 'pages.img'));
    const slot = await stand.newSlot();
    await stand.driver.prepare({ ...slot, purpose: 'restore' }, never);
    await expect(stand.restore(slot, dir)).rejects.toThrow('not restored');
    await stand.driver.remove(slot.id);
    await stand.driver.remove(source.slot.id);
    expect(await stand.census()).toEqual([]);
  }, 60_000);

  test('removal ends a checkpoint and a restore in flight', async () => {
    const source = await stand.newSandbox();
    await source.agent.sh('head -c 60000000 /dev/urandom > /dev/shm/big');
    const dir = await emptyDir();
    const written = stand.driver.checkpoint(source.slot.id, dir, { leaveRunning: true }, never);
    await Promise.allSettled([written, stand.driver.remove(source.slot.id)]);
    const other = await stand.newSandbox();
    const whole = await emptyDir();
    await stand.driver.checkpoint(other.slot.id, whole, { leaveRunning: true }, never);
    await stand.driver.remove(other.slot.id);
    const slot = await stand.newSlot();
    await stand.driver.prepare({ ...slot, purpose: 'restore' }, never);
    const restored = stand.restore(slot, whole);
    await Promise.allSettled([restored, stand.driver.remove(slot.id)]);
    await stand.driver.remove(slot.id);
    expect(await stand.census()).toEqual([]);
  }, 60_000);
});

describe.each([
  { kind: 'native' as const, needsRoot: true },
  { kind: 'fake' as const, needsRoot: false },
])('driver $kind', ({ kind, needsRoot }) => {
  test.runIf(isRoot || !needsRoot)(
    'refuses checkpoints and names the driver that makes them',
    async () => {
      const stand = await openDriverStand(kind);
      try {
        const { driver } = stand;
        expect(driver.capabilities).toMatchObject({ memorySnapshot: false });
        const slot = await stand.newSlot();
        const dir = await tempDir();
        const spec = await stand.specFor(slot);
        const calls = [
          driver.checkpoint(slot.id, dir, { leaveRunning: true }, never),
          driver.restore(slot, spec, dir, never),
        ];
        for (const outcome of await Promise.allSettled(calls)) {
          expect(outcome).toMatchObject({
            status: 'rejected',
            reason: { code: 'unsupported', hint: expect.stringContaining('gvisor') as string },
          });
        }
      } finally {
        await stand.removeAll();
        await stand.close();
      }
    },
    SETUP_TIMEOUT_MS,
  );
});
