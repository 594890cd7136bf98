import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '@atoll/protocol';
import { LayerToolError } from '../image/layer-tool.ts';
import type { LayerTool } from '../image/layer-tool.ts';
import { readContext } from './context-stream.ts';

export interface ContextTask {
  tool: LayerTool;
  contextDir: string;
  signal: AbortSignal;
}

const MAX_DOCKERFILE_BYTES = 512_000;

/** Fills the folder of the context with what a client sends. */
export async function unpackContext(
  { tool, contextDir, signal }: ContextTask,
  body: Readable,
): Promise<void> {
  await unpackArchive(tool, contextDir, body, signal).catch((error: unknown) => {
    throw explain(error);
  });
}

/** Fills a folder with an archive, tar or ZIP, compressed or not. */
export async function unpackArchive(
  tool: LayerTool,
  root: string,
  archive: Readable,
  signal: AbortSignal,
): Promise<void> {
  const input = (stdin: Writable): Promise<void> => pipeline(archive, readContext, stdin, { signal });
  await tool({ verb: 'unpack', root, signal, input });
}

function explain(error: unknown): unknown {
  if (!(error instanceof LayerToolError)) return error;
  if (error.code !== 'no_space') return new ApiError('invalid_request', error.message, { cause: error });
  return new ApiError('limit_exceeded', 'the context does not fit on the disk of the build', {
    cause: error,
    hint: 'Leave files out by .dockerignore, or give the build a larger disk (builderDiskMb).',
  });
}

/** The text of a Dockerfile of the context. */
export async function readDockerfile(
  { tool, contextDir, signal }: ContextTask,
  path: string,
): Promise<string> {
  let content = Buffer.alloc(0);
  await tool({
    verb: 'read',
    root: contextDir,
    request: { path, maxBytes: MAX_DOCKERFILE_BYTES },
    signal,
    output: async (stdout) => {
      content = await buffer(stdout);
    },
  }).catch((error: unknown) => {
    if (!(error instanceof LayerToolError)) throw error;
    throw new ApiError('invalid_request', `the Dockerfile cannot be read: ${error.message}`, {
      cause: error,
      hint: 'Name another one with dockerfilePath (--file).',
    });
  });
  return content.toString('utf8');
}
