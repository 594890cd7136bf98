import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { required } from '../../parameter.ts';
import { updateProfile } from '../../profile.ts';

export const use = command({
  name: 'use',
  summary: 'let commands act in this workspace from now on',
  args: { name: required('name', 'name of the workspace') },
  options: {},
  failure: 'choose workspace',
  run: async ({ args, context }) => {
    const workspaces = await context.admin.listWorkspaces({ signal: context.signal });
    if (!workspaces.some(({ name }) => name === args.name)) {
      throw new CliError(`no workspace ${args.name} that you may use`, 'See them with `atoll workspace ls`.');
    }
    const { apiUrl } = await context.admin.settings();
    const profile = await updateProfile(context, (before) => ({
      ...before,
      url: apiUrl,
      namespace: args.name,
    }));
    await context.output.result({ workspace: args.name, profile }, () => args.name);
  },
});
