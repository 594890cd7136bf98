import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { createDisk, removeDisk, requireKept } from '../../server/src/runtime/disk.ts';
import { findDriversUnderTest } from '../fixtures/driver-under-test.ts';

const TIMEOUT_MS = 60_000;
const command = (...argv: string[]) => run(argv, { timeoutMs: TIMEOUT_MS });
const isThere = (await findDriversUnderTest()).some(({ obstacle }) => obstacle === undefined);

test.runIf(isThere)(
  'what the disk of the host had no room for is told also when there is room again',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'atoll-disk-'));
    const host = join(dir, 'host');
    const disk = { image: join(host, 'image'), mountPoint: join(dir, 'disk') };
    try {
      await mkdir(host);
      await command('mount', '-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', host);
      await createDisk({ ...disk, sizeMb: 300 }, AbortSignal.timeout(TIMEOUT_MS));
      await write(join(disk.mountPoint, 'small'), 1);
      await expect(requireKept(disk)).resolves.toBeUndefined();
      await command('fallocate', '-l', '1000M', join(host, 'filler'));
      await expect(write(join(disk.mountPoint, 'lost'), 100)).rejects.toThrow(/EIO|ENOSPC/);
      await rm(join(host, 'filler'));
      await expect(requireKept(disk)).rejects.toMatchObject({ code: 'host_out_of_disk' });
    } finally {
      await removeDisk(disk);
      // The kernel lets go of the image when it has time.
      await vi.waitFor(() => command('umount', host), { timeout: TIMEOUT_MS / 2, interval: 100 });
      await rm(dir, { recursive: true });
    }
  },
  TIMEOUT_MS,
);

/** Until it is where it is to be kept. */
async function write(path: string, sizeMb: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.write(Buffer.alloc(sizeMb * 1024 * 1024, 1));
    await file.sync();
  } finally {
    await file.close();
  }
}
