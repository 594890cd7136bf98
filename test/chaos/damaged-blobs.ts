import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Blobs whose bytes are not those of their name. */
export async function damagedBlobs(dataDir: string): Promise<string[]> {
  const dir = join(dataDir, 'blobs', 'sha256');
  const names = await readdir(dir);
  const digests = await Promise.all(
    names.map(async (name) => {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(join(dir, name))) hash.update(chunk as Buffer); // no encoding
      return hash.digest('hex');
    }),
  );
  return names.filter((name, index) => name !== digests[index]);
}
