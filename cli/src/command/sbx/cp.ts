import { RemoteAPIError } from '@atoll/sdk';
import type { SandboxFiles } from '@atoll/sdk';
import { basename, join, resolve } from 'node:path';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { UsageError } from '../../failure.ts';
import { isDirectory, openSource, openTarget } from '../../local-file.ts';
import { countFiles, countTransfer } from '../../output/transfer.ts';
import type { Output } from '../../output/output.ts';
import { required } from '../../parameter.ts';

export const cp = command({
  name: 'cp',
  summary: 'copy a file or a directory into or out of a sandbox',
  examples: [
    'sbx cp data.csv my-env:/workspace/',
    'sbx cp src my-env:/workspace/',
    'sbx cp my-env:/workspace/dist .',
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

/** Into a directory that is there, as cp does; a path that ends with `/` is one. */
async function upload(context: Context, source: string, to: RemoteFile): Promise<void> {
  if (source !== '-' && (await isDirectory(source))) return await uploadFolder(context, source, to);
  const path = to.path.endsWith('/') ? `${to.path}${source === '-' ? 'stdin' : basename(source)}` : to.path;
  const sandbox = await context.sandboxes.connect(to.sandbox, { signal: context.signal });
  const { chunks, sizeBytes } = await openSource(source, context.stdin);
  const transfer = countTransfer(context.output, chunks, sizeBytes);
  await sandbox.writeFile(path, transfer.chunks, { signal: context.signal });
  await report(context, { source, target: `${to.sandbox}:${path}`, sizeBytes: transfer.transferredBytes() });
}

async function uploadFolder(context: Context, source: string, to: RemoteFile): Promise<void> {
  const { output, signal } = context;
  const { files } = await context.sandboxes.connect(to.sandbox, { signal });
  const isInto = to.path.endsWith('/') || (await isRemoteDirectory(files, to.path, signal));
  const path = isInto ? join(to.path, basename(resolve(source))) : to.path;
  const counter = countFiles(output);
  const { files: fileCount, bytes } = await counter.during(() =>
    files.uploadDirectory(source, path, { signal, onProgress: counter.onProgress }),
  );
  await reportTree(output, { source, target: `${to.sandbox}:${path}`, fileCount, sizeBytes: bytes });
}

async function downloadFolder(
  { output, signal }: Context,
  files: SandboxFiles,
  from: RemoteFile,
  given: string,
): Promise<void> {
  const target = (await isDirectory(given)) ? join(given, basename(from.path)) : given;
  const counter = countFiles(output);
  const copied = await counter.during(() =>
    files.downloadDirectory(from.path, target, { signal, onProgress: counter.onProgress }),
  );
  await reportTree(output, { source: `${from.sandbox}:${from.path}`, target, ...copied });
}

/** False also where nothing is there: the copy itself says what is wrong. */
const isRemoteDirectory = (files: SandboxFiles, path: string, signal: AbortSignal): Promise<boolean> =>
  files.stat(path, { follow: true, signal }).then(
    ({ type }) => type === 'directory',
    (error: unknown) => {
      if (error instanceof RemoteAPIError && error.statusCode === 404) return false;
      throw error;
    },
  );

async function download(context: Context, from: RemoteFile, given: string): Promise<void> {
  const sandbox = await context.sandboxes.connect(from.sandbox, { signal: context.signal });
  if (given !== '-' && (await isRemoteDirectory(sandbox.files, from.path, context.signal))) {
    return await downloadFolder(context, sandbox.files, from, given);
  }
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

const reportTree = (output: Output, copied: Copied & { fileCount: number }): Promise<void> =>
  output.result(
    copied,
    () => `${copied.source} -> ${copied.target} (${copied.fileCount} files, ${copied.sizeBytes} bytes)`,
  );
