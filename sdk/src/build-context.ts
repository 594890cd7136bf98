import { lstat, open, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createPathMatcher, dockerignoreNames, parseDockerignore, PathPatternError } from '@atoll/protocol';
import type { PathMatcher } from '@atoll/protocol';
import { SandboxError } from './errors.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-stream.ts';
import type { TarMember } from './tar-stream.ts';

/** How much of a context has been read. */
export interface ContextProgress {
  fileCount: number;
  sizeBytes: number;
}

export interface PackOptions {
  /** Its own `<name>.dockerignore` counts before `.dockerignore`. */
  dockerfileName?: string;
  onProgress?: ((progress: ContextProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Names as tar-stream.ts has them: a character for each byte. */
const toText = (name: string): string => Buffer.from(name, 'latin1').toString('utf8');
const onDisk = (dir: string, path: string): Buffer =>
  Buffer.concat([Buffer.from(`${dir}/`, 'utf8'), Buffer.from(path, 'latin1')]);

const CHUNK_BYTES = 256 * 1024;

/**
 * A folder as a tar archive, in constant memory and in a fixed order, without what `.dockerignore` takes out. Sockets,
 * pipes and devices are left out; owners are not kept.
 */
export async function* packContext(dir: string, options: PackOptions = {}): AsyncGenerator<Uint8Array> {
  yield* packTree(dir, await readIgnored(dir, options.dockerfileName ?? 'Dockerfile'), options);
}

/** A folder as a tar archive, without what the matcher takes out. */
export async function* packTree(
  dir: string,
  ignored: PathMatcher,
  options: Pick<PackOptions, 'onProgress' | 'signal'>,
): AsyncGenerator<Uint8Array> {
  const progress = { fileCount: 0, sizeBytes: 0 };
  for await (const member of walkTree(dir, ignored)) {
    options.signal?.throwIfAborted();
    yield tarHeader(member);
    if (member.kind === 'file') yield* readMember(dir, member);
    if (tarPadding(member.sizeBytes) > 0) yield new Uint8Array(tarPadding(member.sizeBytes));
    progress.fileCount += member.kind === 'directory' ? 0 : 1;
    progress.sizeBytes += member.sizeBytes;
    options.onProgress?.({ ...progress });
  }
  yield tarEnd();
}

/** What is in a folder, in a fixed order, without what the matcher takes out. */
export const walkTree = (dir: string, ignored: PathMatcher): AsyncGenerator<TarMember> =>
  walk(dir, '', ignored);

async function readIgnored(dir: string, dockerfileName: string): Promise<PathMatcher> {
  for (const name of dockerignoreNames(dockerfileName)) {
    const text = await readFile(join(dir, name), 'utf8').catch(absentIfMissing);
    if (text === undefined) continue;
    try {
      return createPathMatcher(parseDockerignore(text));
    } catch (error) {
      if (error instanceof PathPatternError) throw new SandboxError(`${join(dir, name)}: ${error.message}`);
      throw error;
    }
  }
  return createPathMatcher([]);
}

function absentIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw new SandboxError(`the folder cannot be read: ${error.message}`, { cause: error });
}

async function* walk(dir: string, folder: string, ignored: PathMatcher): AsyncGenerator<TarMember> {
  const names = await readdir(onDisk(dir, folder), { encoding: 'latin1' }).catch((cause: Error) => {
    throw new SandboxError(`the folder cannot be read: ${cause.message}`, { cause });
  });
  for (const name of names.toSorted()) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const isIgnored = ignored.matches(toText(path));
    if (isIgnored && !ignored.hasNegation) continue;
    const member = await memberOf(dir, path);
    if (member === undefined) continue;
    if (member.kind === 'directory') yield* walkFolder(dir, member, ignored, isIgnored);
    else if (!isIgnored) yield member;
  }
}

/** An ignored folder comes along when something in it is spared. */
async function* walkFolder(
  dir: string,
  member: TarMember,
  ignored: PathMatcher,
  isIgnored: boolean,
): AsyncGenerator<TarMember> {
  let isOut = !isIgnored;
  if (isOut) yield member;
  for await (const below of walk(dir, member.path, ignored)) {
    if (!isOut) yield member;
    isOut = true;
    yield below;
  }
}

async function memberOf(dir: string, path: string): Promise<TarMember | undefined> {
  const at = onDisk(dir, path);
  const found = await lstat(at).catch(absentIfMissing);
  if (found === undefined) return undefined;
  const member = { path, mode: found.mode, mtimeSeconds: found.mtimeMs / 1000, sizeBytes: 0 };
  if (found.isDirectory()) return { ...member, kind: 'directory' };
  if (found.isSymbolicLink()) {
    return { ...member, kind: 'link', target: await readlink(at, { encoding: 'latin1' }) };
  }
  return found.isFile() ? { ...member, kind: 'file', sizeBytes: found.size } : undefined;
}

/** Exactly as many bytes as the header promised: what is appended meanwhile is left out, what is missing is an error. */
export async function* readMember(
  dir: string,
  { path: name, sizeBytes }: TarMember,
): AsyncGenerator<Uint8Array> {
  const path = onDisk(dir, name);
  const file = await open(path).catch((cause: Error) => {
    throw new SandboxError(`the folder cannot be read: ${cause.message}`, { cause });
  });
  try {
    for (let at = 0; at < sizeBytes;) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, sizeBytes - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw new SandboxError(`${path.toString()} became shorter while it was read`);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}
