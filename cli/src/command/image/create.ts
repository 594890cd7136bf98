import { dirname, join } from 'node:path';
import { buildImage, ImageBuildError } from '@atoll/sdk';
import type { BuildImageOptions, BuiltImage, BuildSource } from '@atoll/sdk';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError } from '../../failure.ts';
import { isImageFile, readImageFile } from '../../image-file/read-image-file.ts';
import { buildFlags, toBuildOptions } from '../../option/build.ts';
import { createBuildDisplay } from '../../output/build-display.ts';
import { optional, required, text, value } from '../../parameter.ts';

export const create = command({
  name: 'create',
  summary: 'build an image from a Dockerfile or an image file, and register it',
  examples: [
    'sbx image create ./Dockerfile --registered-name data-tools',
    'sbx image create ./image.py --image-name data-tools',
    'sbx image create ./image.ts --cpus 4 --memory 8192',
  ],
  args: { file: required('file', 'Dockerfile, or a .ts, .js, .mjs or .py file that defines images') },
  options: {
    name: value('-n, --registered-name <name>', 'name to register, REPOSITORY[:TAG]', text),
    imageName: value('--image-name <name>', 'which image of an image file', text),
    context: value('--context <folder>', "where COPY finds its sources (the file's folder)", text),
    ...buildFlags,
  },
  failure: 'build image',
  run: async ({ args, options, context }) => {
    const built = { ...(await toBuildOptions(options, context.env)), registeredName: options.name };
    const contextDir = options.context;
    if (!isImageFile(args.file)) {
      if (options.imageName !== undefined) throw new CliError(`${args.file} is no image file`);
      return carryOut(context, { kind: 'dockerfile', path: args.file }, { ...built, contextDir });
    }
    const image = await readImageFile(args.file, options.imageName, context);
    const dockerfile = image.toDockerfile();
    const { name, needsContext } = image;
    return carryOut(
      context,
      { kind: 'definition', name, dockerfile, needsContext },
      { ...built, contextDir: contextDir ?? (needsContext ? dirname(args.file) : undefined) },
    );
  },
});

export const build = command({
  name: 'build',
  summary: 'build an image from a folder with a Dockerfile',
  examples: ['image build . -t app', 'image build -f deploy/Dockerfile -t app:v2 --target run .'],
  args: { context: optional('folder', 'the build context (.)') },
  options: {
    file: value('-f, --file <path>', 'the Dockerfile (Dockerfile in the folder)', text),
    name: value('-t, --tag <name>', 'name to register, REPOSITORY[:TAG]', text),
    ...buildFlags,
  },
  failure: 'build image',
  run: async ({ args, options, context }) => {
    const contextDir = args.context ?? '.';
    const path = options.file ?? join(contextDir, 'Dockerfile');
    const built = { ...(await toBuildOptions(options, context.env)), registeredName: options.name };
    await carryOut(context, { kind: 'dockerfile', path }, { ...built, contextDir });
  },
});

async function carryOut(context: Context, source: BuildSource, options: BuildImageOptions): Promise<void> {
  const display = createBuildDisplay(context.output);
  const image = await buildImage(source, {
    ...options,
    connection: context.clientOptions,
    signal: context.signal,
    onEvent: (event) => display.show(event),
    onContext: (progress) => display.context(progress),
  })
    .catch((error: unknown) => explain(error))
    .finally(() => display.end());
  await context.output.result(image, () => resultOf(image));
}

const resultOf = ({ name, imageId }: BuiltImage): string => name ?? imageId;

/** The state before the step that failed can be looked at. */
function explain(error: unknown): never {
  if (!(error instanceof ImageBuildError) || error.failure?.canDebug !== true) throw error;
  const look = `Look around with \`atoll image debug ${error.buildId}\`.`;
  const { hint } = error;
  throw new ImageBuildError(error.buildId, error.message, {
    ...error.failure,
    hint: hint?.includes('image debug') ? hint : [hint, look].filter(Boolean).join(' '),
  });
}
