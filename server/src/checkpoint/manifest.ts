import { createHmac, timingSafeEqual } from 'node:crypto';
import { open, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { digestOf } from '../lib/file-digest.ts';

/** What a checkpoint was made of, and so what it can be restored with. */
const manifestSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  sandboxId: z.string(),
  workspaceId: z.string(),
  incarnation: z.number(),
  createdAt: z.number(),
  runtime: z.string(),
  runtimeVersion: z.string(),
  cpuFeatures: z.array(z.string()),
  agentDigest: z.string(),
  /** Of the image, which names its layers by digest. */
  manifestDigest: z.string(),
  limits: z.object({ cpus: z.number(), memoryMb: z.number(), diskMb: z.number() }),
  files: z.array(z.object({ name: z.string(), sizeBytes: z.number(), sha256: z.string() })),
});
export type CheckpointManifest = z.output<typeof manifestSchema>;
export type CheckpointFacts = Omit<CheckpointManifest, 'version' | 'files' | 'id' | 'createdAt'>;

const MANIFEST_FILE = 'manifest';

/** Digests the files of a folder, brings them to the disk, and writes beside them what they are, under the server's seal. */
export async function sealManifest(
  dir: string,
  facts: Omit<CheckpointManifest, 'version' | 'files'>,
  serverKey: Buffer,
  signal?: AbortSignal,
): Promise<CheckpointManifest> {
  const names = (await readdir(dir)).toSorted();
  const files = await Promise.all(names.map((name) => digestFile(dir, name, signal)));
  const manifest: CheckpointManifest = { version: 1, ...facts, files };
  const text = JSON.stringify(manifest);
  const content = `${text}\n${sealOf(text, serverKey)}\n`;
  await writeFile(join(dir, MANIFEST_FILE), content, { mode: 0o600, flush: true });
  return manifest;
}

/** What is in the folder of a checkpoint, if this server has sealed it and nothing has changed since. Throws else. */
export async function verifyManifest(
  dir: string,
  serverKey: Buffer,
  signal?: AbortSignal,
): Promise<CheckpointManifest> {
  const manifest = await readManifest(dir, serverKey);
  const expected = new Set([MANIFEST_FILE, ...manifest.files.map(({ name }) => name)]);
  const unknown = (await readdir(dir)).find((name) => !expected.has(name));
  if (unknown !== undefined) throw new Error(`it holds ${unknown}, which is none of its files`);
  await Promise.all(manifest.files.map((file) => verifyFile(dir, file, signal)));
  return manifest;
}

/** The sealed manifest alone, without a look at the files. */
export async function readManifest(dir: string, serverKey: Buffer): Promise<CheckpointManifest> {
  const [text = '', seal = ''] = (await readFile(join(dir, MANIFEST_FILE), 'utf8')).split('\n');
  const [given, expected] = [seal, sealOf(text, serverKey)].map((value) => Buffer.from(value));
  if (given === undefined || expected === undefined || given.length !== expected.length)
    throw new Error('its manifest bears no seal of this server');
  if (!timingSafeEqual(given, expected)) throw new Error('its manifest bears no seal of this server');
  return manifestSchema.parse(JSON.parse(text));
}

const sealOf = (text: string, serverKey: Buffer): string =>
  createHmac('sha256', serverKey).update('checkpoint\0').update(text).digest('hex');

async function digestFile(
  dir: string,
  name: string,
  signal?: AbortSignal,
): Promise<CheckpointManifest['files'][number]> {
  signal?.throwIfAborted();
  const path = join(dir, name);
  const file = await open(path, 'r');
  try {
    await file.chmod(0o600);
    const { size } = await file.stat();
    // Neither waits for the other: what is read comes from memory.
    const [sha256] = await Promise.all([digestOf(path, signal), file.sync()]);
    return { name, sizeBytes: size, sha256 };
  } finally {
    await file.close();
  }
}

async function verifyFile(
  dir: string,
  { name, sizeBytes, sha256 }: CheckpointManifest['files'][number],
  signal?: AbortSignal,
): Promise<void> {
  const path = join(dir, name);
  const { size } = await stat(path);
  if (size !== sizeBytes) throw new Error(`${name} has ${size} bytes instead of ${sizeBytes}`);
  if ((await digestOf(path, signal)) !== sha256) throw new Error(`${name} has changed since it was written`);
}
