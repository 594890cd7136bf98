import { command } from '../../command.ts';
import { required, text, value } from '../../parameter.ts';

export const create = command({
  name: 'create',
  summary: 'make an account with a first workspace; prints the key of its owner, once',
  examples: ['account create Acme --owner "Ada Lovelace" --workspace acme'],
  args: { name: required('name', 'what it is called') },
  options: {
    owner: value('--owner <name>', 'who owns it; default: the name of the account', text),
    workspace: value('--workspace <name>', 'its first workspace; default: made from its name', text),
  },
  failure: 'create account',
  run: async ({ args, options, context }) => {
    const wanted = {
      name: args.name,
      ownerName: options.owner ?? args.name,
      workspace: options.workspace ?? toWorkspaceName(args.name),
    };
    const created = await context.admin.createAccount(wanted, { signal: context.signal });
    context.output.note(
      `Account ${created.account.id} with workspace ${created.workspace.name}. Its owner's key:`,
    );
    await context.output.result(created, () => created.apiKey);
  },
});

/** `Acme & Co.` becomes `acme-co`. */
const toWorkspaceName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 63) || 'main';
