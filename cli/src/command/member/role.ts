import { command } from '../../command.ts';
import { parseRole, roleArgument } from '../../option/role.ts';
import { workspaceOf, workspaceOption } from '../../option/workspace.ts';
import { required } from '../../parameter.ts';

export const role = command({
  name: 'role',
  summary: 'change what a member may do',
  args: { member: required('member', 'id of the member'), role: roleArgument },
  options: { workspace: workspaceOption },
  failure: 'change role',
  run: async ({ args, options, context }) => {
    const wanted = parseRole(args.role);
    const workspace = await workspaceOf(context, options.workspace);
    const changed = await context.admin.setMemberRole(workspace, args.member, wanted, {
      signal: context.signal,
    });
    await context.output.result(changed, () => `${changed.id} is ${changed.role}`);
  },
});
