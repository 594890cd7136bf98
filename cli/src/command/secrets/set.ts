import { text as readAll } from 'node:stream/consumers';
import { command } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { plural } from '../../output/format.ts';
import { rest } from '../../parameter.ts';

export const set = command({
  name: 'set',
  summary: 'set secrets; sandboxes that start from now on see the new values',
  examples: ['secrets set OPENAI_API_KEY=sk-… DB_PASSWORD=…', 'secrets set OPENAI_API_KEY < key.txt'],
  args: { secrets: rest('name=value', 'without "=", the value is read from standard input') },
  options: {},
  failure: 'set secrets',
  run: async ({ args, context }) => {
    const values = await readValues(args.secrets, context.stdin);
    const set = await context.admin.setSecrets(values, { signal: context.signal });
    await context.output.result(set, () => `${plural(set.length, 'secret')} set`);
  },
});

/** Arguments can be seen in the list of processes and in a shell's history; standard input cannot. */
async function readValues(
  given: readonly string[],
  stdin: NodeJS.ReadStream,
): Promise<Record<string, string>> {
  const named = given.filter((word) => !word.includes('='));
  if (named.length > 1) throw new UsageError('only one value can be read from standard input');
  if (given.some((word) => word.startsWith('='))) throw new UsageError('a secret needs a name: NAME=VALUE');
  const pairs = await Promise.all(
    given.map(async (word): Promise<readonly [string, string]> => {
      const at = word.indexOf('=');
      if (at === -1) return [word, (await readAll(stdin)).replace(/\r?\n$/, '')];
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
  const values = Object.fromEntries(pairs);
  if (Object.keys(values).length < given.length) throw new UsageError('a secret is named twice');
  return values;
}
