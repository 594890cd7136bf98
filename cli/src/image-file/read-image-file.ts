import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { Image } from '@atoll/sdk';
import { z } from 'zod';
import type { Context } from '../context.ts';
import { CliError } from '../failure.ts';
import type { Output } from '../output/output.ts';

const TIMEOUT_MS = 120_000;

const definition = z.object({
  name: z.string(),
  baseImage: z.string().nullable(),
  operations: z.array(
    z.object({
      type: z.enum(['ADD', 'ARG', 'COPY', 'ENV', 'RUN', 'USER', 'WORKDIR']),
      args: z.array(z.string()),
      options: z.record(z.string(), z.string()),
    }),
  ),
});
type Definition = z.output<typeof definition>;

/** Whether the file defines images in code; everything else is a Dockerfile. */
export const isImageFile = (path: string): boolean => /\.(?:[cm]?[jt]s|py)$/.test(path);

/** Evaluates a file on this machine and returns the one image to build: the only one, or the one of that name. */
export async function readImageFile(
  path: string,
  imageName: string | undefined,
  context: ImageFileContext,
): Promise<Image> {
  if (!(await stat(path).catch(() => undefined))?.isFile()) throw new CliError(`no file ${path}`);
  const images = z.array(definition).parse(JSON.parse(await evaluate(resolve(path), context)));
  return toImage(choose(images, path, imageName));
}

function choose(images: readonly Definition[], path: string, imageName: string | undefined): Definition {
  const names = images.map(({ name }) => name);
  if (images.length === 0) {
    const hint = path.endsWith('.py')
      ? 'Assign an Image to a name of the module, or to a function.'
      : 'Export an Image: `export const image = new Image(…)`.';
    throw new CliError(`${path} defines no image`, hint);
  }
  const fitting = images.filter(({ name }) => imageName === undefined || name === imageName);
  const [found, other] = fitting;
  if (found === undefined)
    throw new CliError(`${path} defines no image ${imageName}`, `It has ${names.join(', ')}.`);
  if (other === undefined) return found;
  throw new CliError(
    `${path} defines ${fitting.length} images`,
    imageName === undefined
      ? `Choose one by --image-name: ${names.join(', ')}.`
      : 'Give them different names.',
  );
}

function toImage({ name, baseImage, operations }: Definition): Image {
  const image = new Image({ name, baseImage });
  for (const { type, args, options } of operations) {
    const [first = '', second = ''] = args;
    if (type === 'RUN') image.run(args, options);
    if (type === 'COPY') image.copy(first, second, options);
    if (type === 'ADD') image.add(first, second, options);
    if (type === 'ENV') image.env(first, second);
    if (type === 'ARG') image.arg(first, args[1]);
    if (type === 'USER') image.user(first);
    if (type === 'WORKDIR') image.workdir(first);
  }
  return image;
}

type Printer = Pick<Output, 'writeError'>;
type ImageFileContext = Pick<Context, 'env' | 'signal'> & { output: Printer };

/** In a process of its own; what it prints goes to standard error, its result comes over a pipe. */
async function evaluate(path: string, { env, signal, output }: ImageFileContext): Promise<string> {
  const isPython = path.endsWith('.py');
  const [program, script] = isPython ? ['python3', 'evaluate.py'] : [process.execPath, 'evaluate.ts'];
  const child = spawn(program, [join(import.meta.dirname, script), path], {
    env: { ...env, PYTHONDONTWRITEBYTECODE: '1', NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  const ended = new Promise<number | null>((done, fail) => {
    child.once('close', done);
    child.once('error', (cause) =>
      fail(new CliError(`${program} cannot evaluate ${path}: ${cause.message}`)),
    );
  });
  const [, stdout, stderr, result] = child.stdio as unknown as [null, Readable, Readable, Readable]; // by `stdio`
  const [code, json] = await Promise.all([ended, text(result), pass(stdout, output), pass(stderr, output)]);
  if (code === 0 && json !== '') return json;
  throw new CliError(`${path} cannot be evaluated`, 'What it printed says why.');
}

async function pass(printed: Readable, output: Printer): Promise<void> {
  for await (const chunk of printed.setEncoding('utf8')) await output.writeError(String(chunk));
}
