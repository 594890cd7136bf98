import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CliError } from './failure.ts';

export interface Source {
  chunks: AsyncIterable<Uint8Array>;
  /** Unknown for pipes. */
  sizeBytes: number | undefined;
}

/** Opens a file of this machine for reading, or standard input for `-`. */
export async function openSource(path: string, stdin: NodeJS.ReadStream): Promise<Source> {
  if (path === '-') return { chunks: stdin, sizeBytes: undefined };
  const found = await statOf(path);
  if (found === undefined) throw new CliError(`no file ${path}`);
  if (found.isDirectory()) throw new CliError(`${path} is a directory`);
  const chunks = createReadStream(path, { highWaterMark: 256 * 1024 });
  return { chunks, sizeBytes: found.isFile() ? found.size : undefined };
}

/** Whether a path of this machine is a directory that is there. */
export const isDirectory = async (path: string): Promise<boolean> =>
  (await statOf(path))?.isDirectory() ?? false;

export interface Target {
  /** Where it ends up. */
  path: string;
  write(chunks: AsyncIterable<Uint8Array>): Promise<void>;
}

/** A file of this machine to write; a directory takes a file named `name`. */
export async function openTarget(given: string, name: string): Promise<Target> {
  const found = await statOf(given);
  const path = found?.isDirectory() ? join(given, name) : given;
  const existing = path === given ? found : await statOf(path);
  if (existing?.isDirectory()) throw new CliError(`${path} is a directory`);
  // Devices and pipes are written to as they are; files appear whole or not at all.
  const isSpecial = existing !== undefined && !existing.isFile();
  return { path, write: (chunks) => (isSpecial ? writeInto(path, 'w', chunks) : writeWhole(path, chunks)) };
}

async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.atoll`);
  try {
    await writeInto(temporary, 'wx', chunks);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeInto(path: string, flags: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let file: Awaited<ReturnType<typeof open>> | undefined;
  try {
    for await (const chunk of chunks) {
      file ??= await openFor(path, flags);
      await file.writeFile(chunk);
    }
    file ??= await openFor(path, flags);
  } finally {
    await file?.close();
  }
}

const openFor = (path: string, flags: string) =>
  open(path, flags).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`cannot write ${path}: ${reason}`, undefined, { cause: error });
  });

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new CliError(error instanceof Error ? error.message : String(error), undefined, { cause: error });
  }
}
