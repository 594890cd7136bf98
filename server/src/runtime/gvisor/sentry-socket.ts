import { connect } from 'node:net';
import { z } from 'zod';

/** The calls of gVisor's control server (`runsc/boot/controller.go`) that are made without runsc. */
export type SentryMethod =
  | 'containerManager.Pause'
  | 'containerManager.Resume'
  | 'debug.Stacks'
  /** Collects what is garbage in gVisor's own memory. */
  | 'Usage.Reduce';

/** What a call came to where it did not succeed. */
export class SentryError extends Error {
  /** Whether gVisor has the call, and so carries it out although nobody knows the answer. */
  readonly wasSent: boolean;

  constructor(message: string, wasSent: boolean) {
    super(message);
    this.name = 'SentryError';
    this.wasSent = wasSent;
  }
}

const answer = z.object({ success: z.boolean(), err: z.string(), result: z.unknown() });
const MAX_ANSWER_BYTES = 64 * 2 ** 20;

/**
 * One call to the control server of a sandbox: a JSON object each way over a Unix socket (`pkg/urpc`). A process of runsc
 * for the same takes fifteen times as long. The sandbox is trusted no further than its answer can be read.
 */
export function callSentry(path: string, method: SentryMethod, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let wasSent = false;
    const fail = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new SentryError(`${method}: ${why}`, wasSent));
    };
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`), timeoutMs);
    socket.once('connect', () => {
      wasSent = true;
      socket.write(JSON.stringify({ method, arg: {} }));
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > MAX_ANSWER_BYTES) return fail('the answer has no end');
      const found = parseAnswer(chunk, chunks);
      if (found === undefined) return;
      if (!found.success) return fail(found.err);
      clearTimeout(timer);
      socket.destroy();
      resolve(found.result);
    });
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => fail('the sandbox has ended'));
  });
}

/** Only what ends with a brace can be whole, so a long answer is not parsed anew with each of its pieces. */
function parseAnswer(last: Buffer, chunks: readonly Buffer[]): z.output<typeof answer> | undefined {
  if (!last.toString('latin1').trimEnd().endsWith('}')) return undefined;
  try {
    return answer.parse(JSON.parse(Buffer.concat(chunks).toString()));
  } catch {
    return undefined;
  }
}
