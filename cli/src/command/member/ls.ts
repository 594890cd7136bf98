import { command } from '../../command.ts';
import { workspaceOf, workspaceOption } from '../../option/workspace.ts';
import { formatTime } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the members of a workspace',
  args: {},
  options: { workspace: workspaceOption },
  failure: 'list members',
  run: async ({ options, context }) => {
    const workspace = await workspaceOf(context, options.workspace);
    const members = await context.admin.listMembers(workspace, { signal: context.signal });
    const rows = members.map(({ id, name, role, owner, createdAt }) => [
      id,
      name,
      owner ? `${role} (owner)` : role,
      formatTime(createdAt),
    ]);
    await context.output.result(members, () =>
      context.output.table(['ID', 'Name', 'Role', 'Added At'], rows),
    );
  },
});
