import { open, mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes what a file or directory holds survive a power loss. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Moves finished content to its final name; the name appears complete or not at all. */
export async function publish(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await rename(from, to);
  await syncPath(dirname(to));
}
