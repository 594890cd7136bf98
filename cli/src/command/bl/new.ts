import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectName } from '../../blaxel/project-file.ts';
import { sandboxTemplate } from '../../blaxel/template.ts';
import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { flag, oneOf, optional, required, value } from '../../parameter.ts';
import { blOptions } from './option.ts';
import { resourceOf } from './resource.ts';

const templates = ['sandbox'] as const;

export const create = command({
  name: 'new',
  summary: 'write a project for a sandbox image into a new folder',
  examples: ['new sandbox mytemplate'],
  args: { resource: required('resource', 'sandbox'), folder: optional('folder', 'where; it may be empty') },
  options: {
    ...blOptions,
    template: value('-t, --template <name>', 'which one', oneOf(templates)),
    list: flag('-l, --list', 'print the names of the templates'),
    yes: flag('-y, --yes', 'ask nothing; nothing is asked', true),
  },
  failure: 'make project',
  run: async ({ args, options, context }) => {
    resourceOf(args.resource, ['sandbox']);
    if (options.list) return context.output.line(templates.join('\n'));
    if (args.folder === undefined) throw new CliError('the project needs a folder', '`bl new sandbox DIR`.');
    const dir = args.folder;
    await mkdir(dir, { recursive: true });
    if ((await readdir(dir)).length > 0) throw new CliError(`${dir} is not empty`);
    const name = projectName(undefined, { type: 'sandbox', env: {}, runtime: {}, build: {} }, dir);
    for (const [file, { text, isExecutable }] of Object.entries(sandboxTemplate)) {
      await writeFile(join(dir, file), text.replaceAll(/\bNAME\b(?!\)| :=)/g, name));
      if (isExecutable) await chmod(join(dir, file), 0o755);
    }
    context.output.note(`Next: cd ${dir} && bl push`);
    await context.output.line(dir);
  },
});
