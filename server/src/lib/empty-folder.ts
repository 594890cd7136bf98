import { readdir, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes a folder as far as nothing but folders is in it. What holds a file stays, and other file systems do. */
export async function removeEmptyFolders(dir: string): Promise<void> {
  const device = await deviceOf(dir);
  if (device !== undefined) await removeOn(device, dir);
}

async function removeOn(device: number, dir: string): Promise<void> {
  if ((await deviceOf(dir)) !== device) return;
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeOn(device, join(dir, entry.name));
  await rmdir(dir).catch(() => {});
}

const deviceOf = (dir: string): Promise<number | undefined> =>
  stat(dir).then(
    ({ dev }) => dev,
    () => undefined,
  );
