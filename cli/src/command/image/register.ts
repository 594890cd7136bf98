import { readFile } from 'node:fs/promises';
import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { flag, required, text, value } from '../../parameter.ts';

export const register = command({
  name: 'register',
  summary: 'name a completed filesystem snapshot as an image',
  examples: ['sbx image register data-tools g190pgclz1gjpj2yikodt --dockerfile ./Dockerfile'],
  args: {
    name: required('name', 'name to register, REPOSITORY[:TAG]'),
    snapshot: required('snapshot', 'id of the snapshot'),
  },
  options: {
    dockerfile: value('--dockerfile <path>', 'kept with the image, for `describe`', text),
    public: flag('-p, --public', 'let other workspaces use it'),
  },
  failure: 'register image',
  run: async ({ args, options, context }) => {
    const dockerfile = options.dockerfile === undefined ? undefined : await read(options.dockerfile);
    const image = await context.admin.registerImage(args.name, args.snapshot, {
      ...(options.public && { public: true }),
      signal: context.signal,
      ...(dockerfile !== undefined && { dockerfile }),
    });
    await context.output.result(image, () => image.name);
  },
});

const read = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(`the Dockerfile ${path} cannot be read: ${cause.code ?? cause.message}`);
  });
