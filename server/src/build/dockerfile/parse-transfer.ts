import { parseCommandForm, requireText } from './argument.ts';
import type { ArgumentContext } from './argument.ts';
import { parseExecForm } from './exec-form.ts';
import { parseHeredocMark } from './heredoc.ts';
import type { AddInstruction, CopyInstruction } from './instruction.ts';
import { splitPlainly } from './word.ts';
import type { Word } from './word.ts';

/** Reads `COPY [flags] source … destination`. */
export function parseCopy(context: ArgumentContext): CopyInstruction {
  const { flags, place } = context;
  const from = flags.text('from');
  if (from?.text === '') throw place.line.error(from.offset, '--from is empty');
  const isParents = { keepsParents: flags.boolean('parents') };
  return { kind: 'copy', ...parseTransfer(context), ...isParents, ...(from ? { from } : {}) };
}

/** Reads `ADD [flags] source … destination`. */
export function parseAdd(context: ArgumentContext): AddInstruction {
  const { flags } = context;
  const checksum = flags.text('checksum');
  return {
    kind: 'add',
    ...parseTransfer(context),
    ...(checksum ? { checksum } : {}),
    ...(flags.has('keep-git-dir') ? { keepsGitDirectory: flags.boolean('keep-git-dir') } : {}),
    ...(flags.has('unpack') ? { unpacks: flags.boolean('unpack') } : {}),
  };
}

function parseTransfer(context: ArgumentContext): Omit<CopyInstruction, 'kind' | 'keepsParents' | 'from'> {
  const { flags, place } = context;
  const words = pathsOf(context);
  const destination = words.at(-1);
  if (words.length < 2 || !destination) {
    throw place.line.error(
      context.rest.offset,
      `${context.name} needs at least one source and a destination`,
    );
  }
  if (parseHeredocMark(destination.text)) {
    throw place.line.error(destination.offset, `${context.name} cannot have a heredoc as its destination`);
  }
  const chown = flags.text('chown');
  const chmod = flags.text('chmod');
  return {
    ...place,
    ...(chown ? { chown } : {}),
    ...(chmod ? { chmod } : {}),
    sources: words.slice(0, -1).filter((word) => !isHeredoc(word, context)),
    heredocs: context.heredocs,
    destination,
    isLink: flags.boolean('link'),
    exclude: flags.list('exclude'),
  };
}

const isHeredoc = (word: Word, { heredocs }: ArgumentContext): boolean =>
  heredocs.length > 0 && parseHeredocMark(word.text) !== undefined;

function pathsOf(context: ArgumentContext): Word[] {
  const rest = requireText(context);
  const json = parseExecForm(rest.text);
  if (json.is === 'strings') return json.args.map((text) => ({ text, offset: rest.offset }));
  if (json.is === 'not-strings') parseCommandForm(rest, context);
  return splitPlainly(rest);
}
