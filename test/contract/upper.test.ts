import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TarEntry } from '@atoll/server/image/tar-entry';
import { TarReader } from '@atoll/server/image/tar-reader';
import { UpperRewriter } from '@atoll/server/image/upper-rewriter';
import { createCgroups } from '@atoll/server/runtime/cgroup';
import { readCgroupLayout } from '@atoll/server/runtime/cgroup-layout';
import type { UpperExport } from '@atoll/server/runtime/driver';
import { openDriverStand } from './driver-stand.ts';
import type { DriverKind, DriverStand, Sandbox } from './driver-stand.ts';

const never = new AbortController().signal;
const SETUP_TIMEOUT_MS = 120_000;
const MB = 2 ** 20;
/** gVisor gives its memory back at a pace of its own. */
const LIMIT_TIMEOUT = { timeout: 60_000, interval: 500 };
const kinds: DriverKind[] = process.getuid?.() === 0 ? ['gvisor', 'native'] : [];

/** Every form in which an overlay keeps a change. */
const changes = `
set -e
mkdir -p /snap/dir; cd /snap
printf one > file; ln file hard; ln -s file soft; mkfifo pipe
printf mine > owned; chown 1000:1001 owned; chmod 4750 owned
truncate -s 1M sparse
printf name > 'spaced name ü'
printf x > .wh.odd
setfattr -n user.mime -v text/plain file 2>/dev/null || python3 -c 'import os; os.setxattr("file", "user.mime", b"text/plain")'
rm /etc/issue /etc/issue.net; rm -r /etc/skel; mkdir /etc/skel; printf new > /etc/skel/new
`;

describe.each(kinds)('what a sandbox of driver %s has changed', (kind) => {
  let stand: DriverStand;
  let sandbox: Sandbox;
  beforeAll(async () => {
    stand = await openDriverStand(kind);
    sandbox = await stand.newSandbox();
    expect(await sandbox.agent.sh(changes)).toMatchObject({ exitCode: 0 });
  }, SETUP_TIMEOUT_MS);
  afterAll(async () => {
    await stand.removeAll();
    await stand.close();
  }, SETUP_TIMEOUT_MS);

  const exported = () => stand.driver.exportUpper(sandbox.slot.id, read, never);
  const countUp = () =>
    sandbox.agent.sh(
      '(i=0; while :; do i=$((i+1)); echo $i > /new; mv /new /count; sleep 0.02; done) </dev/null >/dev/null 2>&1 &',
    );
  const count = async () => Number((await sandbox.agent.sh('cat /count 2>/dev/null')).output);

  test('is a layer with every file, link, whiteout and owner', async () => {
    const entries = new Map((await exported()).map((entry) => [entry.path, entry]));
    // Which of the two names comes first is as it happens.
    const links = ['snap/file', 'snap/hard'].map((path) => entries.get(path));
    expect(links.map((entry) => entry?.kind).toSorted()).toEqual(['file', 'hardlink']);
    const file = links.find((entry) => entry?.kind === 'file');
    expect(file).toMatchObject({ sizeBytes: 3, uid: 0, gid: 0 });
    expect(String(file?.xattrs.get('user.mime') ?? '')).toBe('text/plain');
    expect(entries.get('snap/soft')).toMatchObject({ kind: 'symlink', linkPath: 'file' });
    expect(entries.get('snap/pipe')).toMatchObject({ kind: 'fifo' });
    expect(entries.get('snap/owned')).toMatchObject({ uid: 1000, gid: 1001, mode: 0o4750 });
    expect(entries.get('snap/sparse')).toMatchObject({ sizeBytes: 1024 * 1024 });
    expect(entries.has(Buffer.from('snap/spaced name ü').toString('latin1'))).toBe(true);
    expect(entries.has('snap/.wh.odd')).toBe(false);
    expect(entries.get('etc/.wh.issue')).toMatchObject({ kind: 'file', sizeBytes: 0 });
    expect(entries.get('etc/.wh.issue.net')).toMatchObject({ kind: 'file', sizeBytes: 0 });
    expect([...entries.keys()].filter((path) => path.startsWith('etc/skel/')).toSorted()).toEqual([
      'etc/skel/',
      'etc/skel/.wh..wh..opq',
      'etc/skel/new',
    ]);
    expect([...entries.keys()].filter((path) => /^etc\/(hosts|hostname|resolv.conf)$/.test(path))).toEqual(
      [],
    );
  });

  test('is read while the sandbox stands still, which then goes on', async () => {
    await countUp();
    await expect.poll(count).toBeGreaterThan(0);
    expect(await stand.driver.exportUpper(sandbox.slot.id, countIn, never)).toBeGreaterThan(0);
    const then = await count();
    await expect.poll(count).toBeGreaterThan(then);
  });

  test('of a frozen sandbox is read as well, and it stays frozen until it is thawed', async () => {
    const { driver } = stand;
    await driver.freeze(sandbox.slot.id);
    const first = await driver.exportUpper(sandbox.slot.id, countIn, never);
    const second = await driver.exportUpper(sandbox.slot.id, countIn, never);
    // gVisor has to run for a moment to stop its processes.
    expect(second).toBe(first);
    await driver.thaw(sandbox.slot.id);
    await expect.poll(count).toBeGreaterThan(second);
  });

  test('is let go of when the reader fails or is told to stop', async () => {
    const { driver } = stand;
    const fails = () => Promise.reject(new Error('no room'));
    await expect(driver.exportUpper(sandbox.slot.id, fails, never)).rejects.toThrow('no room');
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(driver.exportUpper(sandbox.slot.id, read, stop)).rejects.toThrow();
    const then = await count();
    await expect.poll(count).toBeGreaterThan(then);
  });

  test('does not keep a sandbox that was being read when the server died', async () => {
    const second = await stand.reopenDriver();
    const cut = new AbortController();
    const reading = stand.driver.exportUpper(
      sandbox.slot.id,
      () => new Promise((_, reject) => cut.signal.addEventListener('abort', () => reject(new Error('cut')))),
      never,
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    await second.thaw(sandbox.slot.id);
    const then = await count();
    await expect.poll(count).toBeGreaterThan(then);
    cut.abort();
    await expect(reading).rejects.toThrow('cut');
  });

  test(
    'may be a file that is larger than the memory of the sandbox, time and again',
    { timeout: 120_000 },
    async () => {
      const { slot, agent } = await stand.newSandbox({ memoryMb: 64, diskMb: 500 });
      const { instanceId } = stand.folders;
      const cgroups = createCgroups({ layout: await readCgroupLayout(), instanceId });
      const limit = await cgroups.memoryLimit(slot.id);
      expect(await agent.sh('head -c 300M /dev/zero > /large')).toMatchObject({ exitCode: 0 });
      for (const round of [1, 2]) {
        const bytes = await stand.driver.exportUpper(slot.id, countBytes, never);
        expect({ round, isWhole: bytes > 300 * MB }).toEqual({ round, isWhole: true });
      }
      expect(await agent.sh('stat -c %s /large')).toMatchObject({ exitCode: 0, output: `${300 * MB}` });
      await expect.poll(() => cgroups.memoryLimit(slot.id), LIMIT_TIMEOUT).toBe(limit);
    },
  );

  test('ends with the sandbox', async () => {
    const reading = stand.driver.exportUpper(
      sandbox.slot.id,
      async ({ tar }) => {
        for await (const _ of tar) await new Promise((resolve) => setTimeout(resolve, 20));
      },
      never,
    );
    const [outcome] = await Promise.allSettled([reading, stand.driver.remove(sandbox.slot.id)]);
    expect(outcome.status).toBe('rejected');
    await stand.removeAll();
    expect(await stand.census()).toEqual([]);
  });
});

type Read = TarEntry & { text: string };

/** The members of the layer that the upper directory becomes, with the beginning of their content. */
async function read({ tar, ids }: UpperExport): Promise<Read[]> {
  const entries: Read[] = [];
  const reader = new TarReader({
    entry: (entry) => void entries.push({ ...entry, text: '' }),
    data: (chunk) => {
      const last = entries.at(-1);
      if (last !== undefined && last.text.length < 100) last.text += chunk.toString('latin1', 0, 100);
    },
  });
  await pipeline(Readable.from(tar), new UpperRewriter(ids), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) reader.write(chunk);
    reader.finish();
  });
  return entries;
}

const countBytes = async ({ tar }: UpperExport): Promise<number> => {
  let bytes = 0;
  for await (const chunk of tar) bytes += chunk.length;
  return bytes;
};

const countIn = async (upper: UpperExport): Promise<number> =>
  Number((await read(upper)).find(({ path }) => path === 'count')?.text);
