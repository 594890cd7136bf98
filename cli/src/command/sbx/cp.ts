import { basename } from 'node:path';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { UsageError } from '../../failure.ts';
import { openSource, openTarget } from '../../local-file.ts';
import { countTransfer } from '../../output/transfer.ts';
import { required } from '../../parameter.ts';

export const cp = command({
  name: 'cp',
  summary: 'copy a file into or out of a sandbox',
  examples: [
    'sbx cp data.csv my-env:/workspace/',
    'sbx cp my-env:/tmp/out.json .',
    'sbx cp - my-env:/tmp/in < in',
  ],
  args: {
    source: required('source', 'PATH, SANDBOX:/PATH, or - for standard input'),
    target: required('target', 'PATH, SANDBOX:/PATH, or - for standard output'),
  },
  options: {},
  failure: 'copy file',
  run: async ({ args, context }) => {
    const [from, to] = [parseRemote(args.source), parseRemote(args.target)];
    if ((from === undefined) === (to === undefined)) {
      throw new UsageError('one of the two must be in a sandbox', 'Write it as SANDBOX:/PATH.');
    }
    if (from) return await download(context, from, args.target);
    if (to) return await upload(context, args.source, to);
  },
});

interface RemoteFile {
  sandbox: string;
  path: string;
}

/** `./a:/b` is a local file. */
function parseRemote(given: string): RemoteFile | undefined {
  const [, sandbox, path] = /^([a-z0-9][a-z0-9-]*):(\/.*)$/s.exec(given) ?? [];
  return sandbox === undefined || path === undefined ? undefined : { sandbox, path };
}

async function upload(context: Context, source: string, to: RemoteFile): Promise<void> {
  const path = to.path.endsWith('/') ? `${to.path}${source === '-' ? 'stdin' : basename(source)}` : to.path;
  const sandbox = await context.sandboxes.connect(to.sandbox, { signal: context.signal });
  const { chunks, sizeBytes } = await openSource(source, context.stdin);
  const transfer = countTransfer(context.output, chunks, sizeBytes);
  await sandbox.writeFile(path, transfer.chunks, { signal: context.signal });
  await report(context, { source, target: `${to.sandbox}:${path}`, sizeBytes: transfer.transferredBytes() });
}

async function download(context: Context, from: RemoteFile, given: string): Promise<void> {
  const sandbox = await context.sandboxes.connect(from.sandbox, { signal: context.signal });
  const transfer = countTransfer(
    context.output,
    sandbox.readFileStream(from.path, { signal: context.signal }),
    undefined,
  );
  if (given === '-') {
    for await (const chunk of transfer.chunks) await context.output.write(chunk);
    return;
  }
  const target = await openTarget(given, basename(from.path));
  await target.write(transfer.chunks);
  const source = `${from.sandbox}:${from.path}`;
  await report(context, { source, target: target.path, sizeBytes: transfer.transferredBytes() });
}

interface Copied {
  source: string;
  target: string;
  sizeBytes: number;
}

const report = ({ output }: Context, copied: Copied): Promise<void> =>
  output.result(copied, () => `${copied.source} -> ${copied.target} (${copied.sizeBytes} bytes)`);
