import { command } from '../../command.ts';
import { role } from '../../option/role.ts';
import { workspaceOf, workspaceOption } from '../../option/workspace.ts';
import { flag, required } from '../../parameter.ts';

export const add = command({
  name: 'add',
  summary: 'add a member to a workspace and print its id',
  examples: ['member add "Grace Hopper" --role admin', 'member add --id mem_123'],
  args: { member: required('member', 'name of a new member, or the id of one of the account with --id') },
  options: { id: flag('--id', 'the argument is an id'), role, workspace: workspaceOption },
  failure: 'add member',
  run: async ({ args, options, context }) => {
    const workspace = await workspaceOf(context, options.workspace);
    const as = options.role ?? 'member';
    const who = options.id ? { memberId: args.member, role: as } : { name: args.member, role: as };
    const added = await context.admin.addMember(workspace, who, { signal: context.signal });
    await context.output.result(added, () => added.id);
  },
});
