import { command } from '../../command.ts';
import { CliError } from '../../failure.ts';
import { plural } from '../../output/format.ts';
import { rest } from '../../parameter.ts';

export const unset = command({
  name: 'unset',
  aliases: ['rm'],
  summary: 'remove secrets; processes that run keep what they were started with',
  args: { names: rest('name', 'name of a secret') },
  options: {},
  failure: 'unset secrets',
  run: async ({ args, context }) => {
    const { signal, admin, output } = context;
    const idOf = new Map((await admin.listSecrets({ signal })).map(({ name, id }) => [name, id]));
    const names = [...new Set(args.names)];
    const unknown = names.filter((name) => !idOf.has(name));
    if (unknown.length > 0) throw new CliError(`there is no secret ${unknown.join(', ')}`);
    await Promise.all(names.map((name) => admin.deleteSecret(idOf.get(name) ?? name, { signal })));
    await output.result({ unset: names }, () => `${plural(names.length, 'secret')} unset`);
  },
});
