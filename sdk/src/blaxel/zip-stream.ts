import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createDeflateRaw } from 'node:zlib';
import type { PathMatcher } from '@atoll/protocol';
import { readMember, walkTree } from '../build-context.ts';
import { SandboxError } from '../errors.ts';
import type { TarMember } from '../tar-stream.ts';

/** A file that is in the archive and not in the folder. */
export interface ExtraFile {
  path: string;
  content: string;
}

interface Entry {
  /** As latin1, a character for each byte. */
  name: string;
  mode: number;
  mtimeMs: number;
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** What the directory at the end says of an entry. */
interface Written {
  entry: Entry;
  crc: number;
  packedBytes: number;
  sizeBytes: number;
  offset: number;
}

const DEFLATED = 8;
/** Sizes follow the data; names are UTF-8 (APPNOTE 4.4.4, bits 3 and 11). */
const FLAGS = (1 << 3) | (1 << 11);
/** Made on Unix, so that modes count. */
const MADE_BY = (3 << 8) | 20;
const MAX_BYTES = 0xffff_ffff;
const MAX_ENTRIES = 0xffff;
const LINK_MODE = 0o120777;

/**
 * A folder as a ZIP archive, in constant memory and in a fixed order, with modes and symbolic links. Files of `extra`
 * take the place of files of the same name.
 */
export async function* packZip(
  dir: string,
  ignored: PathMatcher,
  extra: readonly ExtraFile[] = [],
): AsyncGenerator<Uint8Array> {
  const replaced = new Set(extra.map(({ path }) => path));
  const written: Written[] = [];
  let offset = 0;
  for await (const entry of entriesOf(dir, ignored, extra, replaced)) {
    const done: Written = { entry, crc: 0, packedBytes: 0, sizeBytes: 0, offset };
    for await (const chunk of writeEntry(done)) {
      offset += chunk.length;
      yield chunk;
    }
    written.push(done);
    if (offset > MAX_BYTES || written.length > MAX_ENTRIES)
      throw new SandboxError('the folder is too large for a ZIP archive', {
        hint: 'Leave files out with .blaxelignore: an archive holds 4 GiB and 65535 files.',
      });
  }
  const directory = Buffer.concat(written.map(directoryEntry));
  yield directory;
  yield endOfArchive(written.length, directory.length, offset);
}

async function* entriesOf(
  dir: string,
  ignored: PathMatcher,
  extra: readonly ExtraFile[],
  replaced: ReadonlySet<string>,
): AsyncGenerator<Entry> {
  for await (const member of walkTree(dir, ignored)) {
    if (!replaced.has(Buffer.from(member.path, 'latin1').toString('utf8'))) yield toEntry(dir, member);
  }
  for (const { path, content } of extra) {
    const name = Buffer.from(path, 'utf8').toString('latin1');
    yield { name, mode: 0o100644, mtimeMs: Date.now(), content: [Buffer.from(content, 'utf8')] };
  }
}

function toEntry(dir: string, member: TarMember): Entry {
  const { path, mode, mtimeSeconds } = member;
  const common = { name: path, mode, mtimeMs: mtimeSeconds * 1000 };
  if (member.kind === 'directory') return { ...common, name: `${path}/`, content: [] };
  if (member.kind === 'link')
    return { ...common, mode: LINK_MODE, content: [Buffer.from(member.target ?? '', 'latin1')] };
  return { ...common, content: readMember(dir, member) };
}

async function* writeEntry(done: Written): AsyncGenerator<Buffer> {
  yield localHeader(done.entry);
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of done.entry.content) {
      done.crc = crc32(chunk, done.crc);
      done.sizeBytes += chunk.length;
      yield chunk;
    }
  };
  const deflate = createDeflateRaw();
  const feeding = pipeline(Readable.from(counted(), { objectMode: false }), deflate);
  // A failure ends the loop below as well, which is where it is told.
  feeding.catch(() => {});
  for await (const chunk of deflate as AsyncIterable<Buffer>) {
    done.packedBytes += chunk.length;
    yield chunk;
  }
  await feeding;
  if (done.sizeBytes > MAX_BYTES) throw new SandboxError(`${done.entry.name} is too large for a ZIP archive`);
  yield dataDescriptor(done);
}

/** Two seconds are the smallest step that the format knows, and 1980 its first year. */
function dosTime(ms: number): { time: number; date: number } {
  const at = new Date(Math.max(ms, Date.UTC(1980, 0, 1)));
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  };
}

/** Fields of two and four bytes, one after the other. */
function fields(...values: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer {
  return Buffer.concat(
    values.map(([bytes, value]) => {
      const field = Buffer.alloc(bytes);
      field.writeUIntLE(value, 0, bytes);
      return field;
    }),
  );
}

function localHeader({ name, mtimeMs }: Entry): Buffer {
  const { time, date } = dosTime(mtimeMs);
  const bytes = Buffer.from(name, 'latin1');
  const head = fields(
    [4, 0x04034b50],
    [2, 20],
    [2, FLAGS],
    [2, DEFLATED],
    [2, time],
    [2, date],
    [4, 0],
    [4, 0],
    [4, 0],
    [2, bytes.length],
    [2, 0],
  );
  return Buffer.concat([head, bytes]);
}

const dataDescriptor = ({ crc, packedBytes, sizeBytes }: Written): Buffer =>
  fields([4, 0x08074b50], [4, crc], [4, packedBytes], [4, sizeBytes]);

function directoryEntry({ entry, crc, packedBytes, sizeBytes, offset }: Written): Buffer {
  const { time, date } = dosTime(entry.mtimeMs);
  const bytes = Buffer.from(entry.name, 'latin1');
  const head = fields(
    [4, 0x02014b50],
    [2, MADE_BY],
    [2, 20],
    [2, FLAGS],
    [2, DEFLATED],
    [2, time],
    [2, date],
    [4, crc],
    [4, packedBytes],
    [4, sizeBytes],
    [2, bytes.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, (entry.mode & 0xffff) * 0x1_0000],
    [4, offset],
  );
  return Buffer.concat([head, bytes]);
}

const endOfArchive = (count: number, directoryBytes: number, offset: number): Buffer =>
  fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, directoryBytes], [4, offset], [2, 0]);
