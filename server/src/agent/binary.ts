import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
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
  const hash = createHash('sha256');
  await pipeline(createReadStream(source), hash);
  const digest = hash.digest('hex');
  const path = join(folder, digest);
  if (!(await exists(path))) await install(source, path);
  return { current: { digest, path }, pathOf: (known: string): string => join(folder, known) };
}

async function install(source: string, path: string): Promise<void> {
  const temporary = `${path}.${randomId(8)}.tmp`;
  await copyFile(source, temporary);
  await chmod(temporary, 0o755);
  await rename(temporary, path);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
