import { statfsSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { defaultAdmission } from './admission.ts';
import { createHostRoom } from './host-room.ts';

const { signal } = new AbortController();

/** Half of what the disk has left. */
function halfOf(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return (bavail * bsize) / 2;
}

async function openRoom() {
  const dir = await tempDir();
  const room = createHostRoom(dir, { ...defaultAdmission, reservedDiskMb: 0 });
  const write = (sizeBytes: number, work: () => Promise<void>, mostBytes = Infinity) =>
    room.write(
      { workspaceId: 'one', mostBytes, estimateBytes: () => Promise.resolve(sizeBytes), signal },
      work,
    );
  return { room, write, moreThanHalf: 1.2 * halfOf(dir) };
}

test('two that fit alone and not together: the second is refused until the first is done', async () => {
  const { room, write, moreThanHalf } = await openRoom();
  const written = Promise.withResolvers<void>();
  const first = write(moreThanHalf, () => written.promise);
  await expect(write(moreThanHalf, () => Promise.resolve())).rejects.toMatchObject({
    code: 'host_out_of_disk',
    message: expect.stringContaining('what is to be written takes about') as string,
  });
  expect(() => room.requireDisk(moreThanHalf)).toThrow('what is to be written');
  written.resolve();
  await first;
  await write(moreThanHalf, () => Promise.resolve());
});

test('where all that there may be has room many times, nobody looks how much it is', async () => {
  const { write, moreThanHalf } = await openRoom();
  const written = Promise.withResolvers<void>();
  const first = write(Number.MAX_SAFE_INTEGER, () => written.promise, moreThanHalf / 20);
  // Others have to look, and are not refused for what may be and is not.
  const second = write(1, () => written.promise, moreThanHalf);
  await write(moreThanHalf, () => Promise.resolve(), moreThanHalf);
  await expect(write(Number.MAX_SAFE_INTEGER, () => Promise.resolve(), moreThanHalf)).rejects.toThrow('MB');
  written.resolve();
  await Promise.all([first, second]);
});

test('a write that fails gives its room back', async () => {
  const { write, moreThanHalf } = await openRoom();
  await expect(write(moreThanHalf, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await write(moreThanHalf, () => Promise.resolve());
});

test('eight are written at once, and the others wait', async () => {
  const { write } = await openRoom();
  const written = Promise.withResolvers<void>();
  let begun = 0;
  const all = Array.from({ length: 20 }, () =>
    write(1, () => {
      begun += 1;
      return written.promise;
    }),
  );
  await turn();
  await turn();
  expect(begun).toBe(8);
  written.resolve();
  await Promise.all(all);
  expect(begun).toBe(20);
});
