import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '@atoll/protocol';
import { z } from 'zod';
import { startProgram } from '../lib/program.ts';
import type { Program } from '../lib/program.ts';

/** A file tree on the host and what is asked of it. The tool sees nothing of the host but that tree. */
export interface LayerTask {
  verb: 'digest' | 'pack' | 'place' | 'export' | 'unpack' | 'read' | 'resolve' | 'discard';
  root: string;
  request?: object;
  signal: AbortSignal;
  /** What the verb reads. */
  input?: (stdin: Writable) => Promise<void>;
  /** What the verb writes. */
  output?: (stdout: Readable) => Promise<void>;
}

/** The tool says what was wrong with what it was asked: with the files, not with itself. */
export class LayerToolError extends Error {
  readonly code: 'not_found' | 'invalid' | 'no_space';

  constructor(code: LayerToolError['code'], message: string) {
    super(message);
    this.name = 'LayerToolError';
    this.code = code;
  }
}

export type LayerTool = (task: LayerTask) => Promise<unknown>;

const outcomeSchema = z.union([
  z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
  z.object({ result: z.unknown() }),
]);

const TIMEOUT_MS = 30 * 60_000;
const MAX_STDERR_CHARS = 64 * 1024;

/**
 * Runs `atoll-agent layer` (agent/internal/layer): a short-lived process that makes a tree its root before it looks at
 * anything, so that no link in it leads elsewhere. Resolves with the outcome that it reports.
 */
export function createLayerTool(agentBinary: string): LayerTool {
  return async ({ verb, root, request = {}, signal, input, output }) => {
    signal.throwIfAborted();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const tool = startProgram([agentBinary, 'layer', verb, root], {
      hasInput: true,
      signal: limit,
      env: { GOMAXPROCS: '2' },
    });
    const { stdin, stdout } = tool;
    let stderr = '';
    tool.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-MAX_STDERR_CHARS);
    });
    const ended = Promise.all([tool.ended, once(tool.stderr, 'close')]);
    const feed = async (): Promise<void> => {
      stdin.write(`${JSON.stringify(request)}\n`);
      if (input) await input(stdin);
      else stdin.end();
    };
    const drain = async (): Promise<void> => {
      if (output) await output(stdout);
      else stdout.resume();
    };
    const outcomes = await Promise.allSettled([ended, feed(), drain().catch(killing(tool))]);
    // What the tool says explains why a pipe to it broke.
    const outcome = readOutcome(stderr);
    if (outcome !== undefined && 'error' in outcome) throw toError(outcome.error);
    signal.throwIfAborted();
    for (const { status, reason } of outcomes.filter((one) => one.status === 'rejected'))
      if (status) throw reason;
    if (outcome === undefined) throw new Error(`layer ${verb} ended without an outcome: ${stderr.trim()}`);
    return outcome.result;
  };
}

/** The end of one that writes is told after what it has written, which nobody reads any more. */
const killing =
  ({ kill, stdout }: Program) =>
  (error: unknown): never => {
    kill();
    stdout.destroy();
    throw error;
  };

function readOutcome(stderr: string) {
  try {
    return outcomeSchema.parse(JSON.parse(stderr.trim().split('\n').at(-1) ?? ''));
  } catch {
    return undefined;
  }
}

function toError({ code, message }: { code: string; message: string }): Error {
  if (code === 'not_found' || code === 'invalid' || code === 'no_space')
    return new LayerToolError(code, message);
  return new Error(`layer tool: ${message}`);
}

/** Joins two runs of the tool: what one writes the other reads. */
export async function pipeLayers(tool: LayerTool, from: LayerTask, to: LayerTask): Promise<void> {
  const failed = new AbortController();
  const signalOf = (task: LayerTask): AbortSignal => AbortSignal.any([task.signal, failed.signal]);
  let stdin: Writable | undefined;
  const { promise: ready, resolve } = Promise.withResolvers<Writable>();
  const { promise: flowed, resolve: done } = Promise.withResolvers<void>();
  const writing = tool({
    ...to,
    signal: signalOf(to),
    input: (stream) => {
      stdin = stream;
      resolve(stream);
      return flowed;
    },
  });
  const reading = tool({
    ...from,
    signal: signalOf(from),
    output: async (stdout) => pipeline(stdout, await ready).finally(done),
  });
  const [read, written] = await Promise.allSettled([
    reading.catch((error: unknown) => {
      // An archive cut short might look whole: who reads it must not go on.
      failed.abort(error);
      stdin?.destroy();
      done();
      throw error;
    }),
    writing.catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  ]);
  const told = [written, read].find(
    (one) => one.status === 'rejected' && one.reason instanceof LayerToolError,
  );
  const failure = told ?? [read, written].find((one) => one.status === 'rejected');
  if (failure?.status === 'rejected') throw failure.reason;
}

/** As the client should see it, where `no_space` is the disk of its own build. */
export function explainLayerError(error: unknown, where: string): unknown {
  if (!(error instanceof LayerToolError)) return error;
  if (error.code === 'no_space')
    return new ApiError('limit_exceeded', `${where}: ${error.message}`, {
      cause: error,
      hint: 'Give the build a larger disk (builderDiskMb, --builder-disk-mb).',
    });
  return new ApiError('invalid_request', `${where}: ${error.message}`, { cause: error });
}
