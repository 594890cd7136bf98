import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { command } from '../../../command.ts';
import { CliError } from '../../../failure.ts';
import { optional, text, value } from '../../../parameter.ts';

/** Where OpenSSH looks, the better ones first. */
const usual = ['id_ed25519.pub', 'id_ecdsa.pub', 'id_rsa.pub'];

export const add = command({
  name: 'add',
  summary: 'register a public key and print its id',
  examples: ['ssh keys add', 'ssh keys add ~/.ssh/id_ed25519.pub -n laptop'],
  args: { file: optional('file', 'a .pub file; by default the one in ~/.ssh') },
  options: { name: value('-n, --name <name>', 'default: its comment, else the name of the file', text) },
  failure: 'add SSH key',
  run: async ({ args, options, context }) => {
    const { file, line } = await readKey(args.file);
    const [, , ...comment] = line.split(/\s+/);
    const name = options.name ?? (comment.join(' ') || basename(file));
    const added = await context.admin.addSshKey({ name, publicKey: line }, { signal: context.signal });
    await context.output.result(added, () => added.id);
  },
});

async function readKey(given: string | undefined): Promise<{ file: string; line: string }> {
  const files = given === undefined ? usual.map((name) => join(homedir(), '.ssh', name)) : [given];
  for (const file of files) {
    const content = await readFile(file, 'utf8').catch((error: unknown) => {
      if (given !== undefined) throw error;
    });
    if (content !== undefined) return { file, line: content.trim() };
  }
  throw new CliError(`there is none of ${usual.join(', ')} in ~/.ssh: make one with ssh-keygen`);
}
