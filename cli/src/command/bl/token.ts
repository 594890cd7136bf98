import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { optional } from '../../parameter.ts';
import { updateProfile } from '../../profile.ts';
import { blOptions, connectBlaxel, print } from './option.ts';

export const token = command({
  name: 'token',
  summary: 'print the key that is in use',
  args: {},
  options: blOptions,
  failure: 'find the key',
  run: async ({ context, options }) => {
    const { apiKey } = await connectBlaxel(context, options).settings();
    if (apiKey === undefined) throw new CliError('no key is known', 'Log in with `bl login`.');
    await context.output.line(apiKey);
  },
});

export const workspaces = command({
  name: 'workspaces',
  aliases: ['workspace'],
  summary: 'list the workspaces, or choose one for the profile',
  examples: ['workspaces', 'workspaces production'],
  args: { name: optional('name', 'the one to act in from now on') },
  options: blOptions,
  failure: 'choose workspace',
  run: async ({ args, options, context }) => {
    const { signal } = context;
    const found = await context.admin.listWorkspaces({ signal });
    if (args.name === undefined) {
      return print(context, options, found, () => found.map(({ name }) => name).join('\n'));
    }
    const chosen = found.find(({ id, name }) => name === args.name || id === args.name);
    if (chosen === undefined) throw new CliError(`no workspace ${args.name} that this key may use`);
    const { apiUrl } = await connectBlaxel(context, options).settings();
    await updateProfile(context, (before) => ({ url: apiUrl, ...before, namespace: chosen.name }));
    await context.output.line(chosen.name);
  },
});
