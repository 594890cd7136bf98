import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { zstdCompressSync, constants } from 'node:zlib';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { unzstd } from './unzstd.ts';

const unpack = (compressed: Buffer, chunkBytes: number): Promise<Buffer> =>
  buffer(unzstd(Readable.from(chunksOf(compressed, chunkBytes)), 64 * 1024));

function chunksOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
    bytes.subarray(n * size, (n + 1) * size),
  );
}

const checksummed = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const skippable = Buffer.concat([Buffer.from('5a2a4d1803000000', 'hex'), Buffer.from('abc')]);
const random = randomBytes(300_000);
const zeros = Buffer.alloc(3_000_000);
const frames = [
  zstdCompressSync(Buffer.from('hello ')),
  skippable,
  zstdCompressSync(random, checksummed),
  zstdCompressSync(Buffer.alloc(0)),
  zstdCompressSync(zeros),
  skippable,
];
const expected = Buffer.concat([Buffer.from('hello '), random, zeros]);

describe('a stream of many frames', () => {
  test.each([1000, 4096, 1_000_000])('comes out whole in chunks of %i bytes', async (chunkBytes) => {
    expect((await unpack(Buffer.concat(frames), chunkBytes)).equals(expected)).toBe(true);
  });

  test('comes out whole byte by byte', async () => {
    const small = Buffer.concat([
      zstdCompressSync(Buffer.from('a')),
      skippable,
      zstdCompressSync(Buffer.from('b')),
    ]);
    expect(String(await unpack(small, 1))).toBe('ab');
  });

  test('is refused when it is cut off or followed by something else', async () => {
    const whole = Buffer.concat(frames);
    await expect(unpack(whole.subarray(0, whole.length - 1), 4096)).rejects.toThrow('cut off');
    await expect(unpack(whole.subarray(0, 1000), 4096)).rejects.toThrow();
    await expect(unpack(Buffer.concat([whole, Buffer.from('more')]), 4096)).rejects.toThrow(
      'between its zstd frames',
    );
  });
});

test('damage inside a frame is an error', async () => {
  const damaged = zstdCompressSync(Buffer.from('x'.repeat(1000)), checksummed);
  damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 0xff, damaged.length - 1);
  await expect(unpack(damaged, 100)).rejects.toThrow();
});
