import { command } from '../../command.ts';
import { workspaceOf, workspaceOption } from '../../option/workspace.ts';
import { required } from '../../parameter.ts';

export const rm = command({
  name: 'rm',
  summary: 'take a member out of a workspace; its keys for it end at once',
  args: { member: required('member', 'id of the member') },
  options: { workspace: workspaceOption },
  failure: 'remove member',
  run: async ({ args, options, context }) => {
    const workspace = await workspaceOf(context, options.workspace);
    await context.admin.removeMember(workspace, args.member, { signal: context.signal });
    await context.output.result({ removed: args.member, workspace }, () => args.member);
  },
});
