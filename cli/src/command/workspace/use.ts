import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { required } from '../../parameter.ts';
import { updateProfile } from '../../profile.ts';

const otherKeyHint =
  'See them with `atoll workspace ls`. An API key acts in one workspace; a personal access token (`atoll login`, ' +
  '`atoll key create NAME --personal`) in all of its member.';

export const use = command({
  name: 'use',
  summary: 'let commands act in this workspace from now on',
  args: { name: required('name', 'name of the workspace') },
  options: {},
  failure: 'choose workspace',
  run: async ({ args, context }) => {
    const workspaces = await context.admin.listWorkspaces({ signal: context.signal });
    if (!workspaces.some(({ name }) => name === args.name)) {
      throw new CliError(`no workspace ${args.name} that this key may use`, otherKeyHint);
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
