import { command } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { role } from '../../option/role.ts';
import { span } from '../../option/span.ts';
import { flag, required, text, value } from '../../parameter.ts';

export const create = command({
  name: 'create',
  summary: 'make a key and print it, once',
  examples: ['key create ci --role member', 'key create laptop --personal --expires-in 52w'],
  args: { name: required('name', 'what it is for') },
  options: {
    role,
    personal: flag('--personal', 'a personal access token instead of a key of the workspace'),
    expiresIn: value('--expires-in <span>', 'when it ends by itself: 12h, 30d, 52w', span),
    member: value('--member <id>', 'whose key it is; for admins', text),
  },
  failure: 'create key',
  run: async ({ args, options, context }) => {
    if (options.personal && options.role)
      throw new UsageError('a personal token has the roles of its member');
    const created = await context.admin.createKey({
      name: args.name,
      kind: options.personal ? 'personal' : 'api',
      ...(options.expiresIn !== undefined && { expiresInSecs: options.expiresIn }),
      ...(options.role !== undefined && { role: options.role }),
      ...(options.member !== undefined && { memberId: options.member }),
      signal: context.signal,
    });
    context.output.note(`Key ${created.key.id}. It is shown this once:`);
    await context.output.result(created, () => created.value);
  },
});
