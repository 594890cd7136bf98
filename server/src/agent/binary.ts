import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { randomId } from '../lib/id.ts';

export interface AgentBinary {
  digest: string;
  path: string;
}

export type AgentBinaries = Awaited<ReturnType<typeof openAgentBinaries>>;

/**
 * Agent binaries by digest: a sandbox keeps the one it was started with, because a checkpoint needs it
 * byte for byte. `current` is what new sandboxes get.
 */
export async function openAgentBinaries({ source, dataDir }: { source: string; dataDir: string }) {
  const folder = join(dataDir, 'agents');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await removeUnfinished(folder);
  const digest = await digestOf(source);
  const path = join(folder, digest);
  if (!(await isIntact(path, digest))) await install(source, path);
  return { current: { digest, path }, pathOf: (known: string): string => join(folder, known) };
}

/** What a server left that died in the middle of an installation; one server at a time has the folder. */
async function removeUnfinished(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.tmp'));
  for (const name of names) await rm(join(folder, name), { force: true });
}

/** On disk before it has its name, so that a power loss leaves none or all of it. */
async function install(source: string, path: string): Promise<void> {
  const temporary = `${path}.${randomId(8)}.tmp`;
  await copyFile(source, temporary);
  await chmod(temporary, 0o755);
  await sync(temporary);
  await rename(temporary, path);
  await sync(dirname(path));
}

async function sync(path: string): Promise<void> {
  const file = await open(path);
  await file.sync().finally(() => file.close());
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

const isIntact = (path: string, digest: string): Promise<boolean> =>
  digestOf(path).then(
    (found) => found === digest,
    () => false,
  );
