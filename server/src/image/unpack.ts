import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '@atoll/protocol';
import { jailCommand } from '../lib/jail.ts';
import { startProgram } from '../lib/program.ts';
import type { Program } from '../lib/program.ts';
import { decompressor } from './decompress.ts';
import type { Decompressor } from './decompress.ts';
import { createVerifier } from './digest.ts';
import type { LayerLimits } from './layer-limits.ts';
import { LayerRewriter } from './layer-rewriter.ts';
import type { LayerContent } from './layer-rewriter.ts';

export interface UnpackOptions {
  /** The layer as it was pushed: plain, gzip or zstd. */
  blob: string;
  diffId: string;
  /** An existing empty directory. */
  target: string;
  /** For the mount point of the jail. */
  tempDir: string;
  limits: LayerLimits;
  signal: AbortSignal;
}

export interface UnpackedLayer extends LayerContent {
  sizeBytes: number;
}

/** SYS_ADMIN is what setting trusted.overlay.opaque takes. */
const capabilities = ['chown', 'dac_override', 'fowner', 'fsetid', 'mknod', 'setfcap', 'sys_admin'];
const extract = [
  'tar',
  '--extract',
  '--file=-',
  '--directory=/target',
  '--numeric-owner',
  '--same-owner',
  '--same-permissions',
  '--xattrs',
  '--xattrs-include=*',
  '--delay-directory-restore',
  '--quoting-style=escape',
];
const UNPACK_TIMEOUT_MS = 30 * 60_000;
const MAX_STDERR_BYTES = 4096;

/**
 * Unpacks a layer with GNU tar, which knows ownership, devices and attributes. Two walls stand between the
 * archive and the host: the rewriter lets only checked members through, and tar sees nothing of the host's
 * files but its own program, read-only (lib/jail.sh).
 */
export async function unpackLayer(options: UnpackOptions): Promise<UnpackedLayer> {
  const unzip = await decompressor(options.blob);
  const empty = await mkdtemp(join(options.tempDir, 'jail-'));
  try {
    return await pump(options, unzip, empty);
  } finally {
    await rmdir(empty);
  }
}

async function pump(options: UnpackOptions, unzip: Decompressor, empty: string): Promise<UnpackedLayer> {
  const verifier = createVerifier(options.diffId, 'the uncompressed layer');
  const rewriter = new LayerRewriter(options.limits);
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(UNPACK_TIMEOUT_MS)]);
  const tar = startTar(empty, options.target);
  const source = createReadStream(options.blob, { highWaterMark: 1024 * 1024 });
  const stream = pipeline(source, unzip, tee(verifier.update), rewriter, tar.program.stdin, { signal });
  // A stream that fails has closed the pipe, and an archive cut short might look whole to tar.
  stream.catch(tar.program.kill);
  const [streamed, tarred] = await Promise.allSettled([stream, tar.ended]);
  throwFirst(streamed, tarred, options);
  verifier.verify();
  return { ...rewriter.content(), sizeBytes: verifier.sizeBytes() };
}

function tee(observe: (chunk: Buffer) => void) {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      observe(chunk);
      yield chunk;
    }
  };
}

interface Tar {
  program: Program;
  /** Rejects with what tar said when it fails. */
  ended: Promise<void>;
}

/** The command line that unpacks its standard input into `target`; `empty` is for the jail's mount point. */
export const unpackCommand = (empty: string, target: string): [string, ...string[]] =>
  jailCommand({ empty, target, access: 'rw', capabilities, argv: extract });

function startTar(empty: string, target: string): Tar {
  const program = startProgram(unpackCommand(empty, target), { hasInput: true });
  let stderr = '';
  program.stdout.resume();
  program.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < MAX_STDERR_BYTES) stderr += chunk.toString('latin1');
  });
  const ended = Promise.all([program.ended, once(program.stderr, 'close')]).then(([{ code }]) => {
    if (code !== 0) throw new TarError(stderr.trim());
  });
  return { program, ended };
}

/** GNU tar refused or could not write; the message is its own. */
class TarError extends Error {}

/** A tar that gives up breaks the stream, and a stream that breaks ends tar: the cause is told, not the echo. */
function throwFirst(
  streamed: PromiseSettledResult<void>,
  tarred: PromiseSettledResult<void>,
  options: UnpackOptions,
): void {
  if (streamed.status === 'rejected' && !isBrokenPipe(streamed.reason))
    throw explain(streamed.reason, options);
  if (tarred.status === 'rejected') throw explain(tarred.reason, options);
  if (streamed.status === 'rejected') throw streamed.reason;
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;
const isBrokenPipe = (error: unknown): boolean =>
  ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(codeOf(error)));

/** Damage in the compressed stream has codes of zlib and zstd: `Z_DATA_ERROR`, `ZSTD_error_…`. */
const isDamage = (error: unknown): boolean => /^(Z_|ZSTD_)/.test(String(codeOf(error)));

function explain(error: unknown, { diffId }: UnpackOptions): unknown {
  if (error instanceof ApiError || !(error instanceof Error)) return error;
  if (/No space left on device/.test(error.message)) {
    return new ApiError('host_out_of_disk', `no room to unpack layer ${diffId}`, { cause: error });
  }
  if (!isDamage(error) && !(error instanceof TarError)) return error;
  return new ApiError('invalid_request', `layer ${diffId} cannot be unpacked: ${error.message}`, {
    cause: error,
  });
}
