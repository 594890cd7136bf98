import type { ImageImportEvent } from '@atoll/sdk';
import { command } from '../../command.ts';
import type { AnyCommand } from '../../command.ts';
import { createImportProgress } from '../../output/import-progress.ts';
import { flag, required, text, value } from '../../parameter.ts';

/** The same under two names: `import` is what the seeds have, `pull` what everybody types. */
const importCommand = (name: string): AnyCommand =>
  command({
    name,
    summary: 'bring in an image of another registry, with the credentials that docker has',
    examples: [`image ${name} python:3.13`, `image ${name} ghcr.io/org/app:1.0 -n app`],
    args: {
      reference: required('reference', 'python:3.13, ghcr.io/org/app:1.0, localhost:5000/app@sha256:…'),
    },
    options: {
      name: value('-n, --name <name>', 'name here, REPOSITORY[:TAG]; by default as there', text),
      public: flag('--public', 'let other workspaces use it'),
    },
    failure: 'import image',
    run: async ({ args, options, context }) => {
      const progress = createImportProgress(context.output);
      const onProgress = (event: ImageImportEvent): void => progress.show(event);
      const wanted = { name: options.name, public: options.public || undefined, onProgress };
      const work = () => context.admin.importImage(args.reference, { ...wanted, signal: context.signal });
      const image = await progress.during(args.reference, work);
      await context.output.result(image, () => image.name);
    },
  });

export const importImage = importCommand('import');
export const pull = importCommand('pull');
