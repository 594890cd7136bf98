import { command } from '../../command.ts';
import { required } from '../../parameter.ts';

export const create = command({
  name: 'create',
  summary: 'make a workspace in your account and print its name',
  args: { name: required('name', 'a–z, 0–9 and "-"') },
  options: {},
  failure: 'create workspace',
  run: async ({ args, context }) => {
    const created = await context.admin.createWorkspace(args.name, { signal: context.signal });
    await context.output.result(created, () => created.name);
  },
});
