import { requireText } from './argument.ts';
import type { ArgumentContext } from './argument.ts';
import type { FromInstruction } from './instruction.ts';
import { splitPlainly } from './word.ts';
import type { Word } from './word.ts';

const stageName = /^[a-z][a-z0-9-_.]*$/;

/** Reads `FROM [--platform=…] image [AS name]`. */
export function parseFrom(context: ArgumentContext): FromInstruction {
  const [image, asKeyword, alias, ...others] = splitPlainly(requireText(context));
  const { line, keyword } = context.place;
  const platform = context.flags.text('platform');
  const head = { kind: 'from' as const, ...context.place, ...(platform ? { platform } : {}) };
  if (image && !asKeyword) return { ...head, image };
  if (!image || !asKeyword || !alias || others.length > 0) {
    throw line.error(asKeyword?.offset ?? keyword.offset, 'FROM takes an image, or an image AS a name');
  }
  if (asKeyword.text.toLowerCase() !== 'as') {
    throw line.error(asKeyword.offset, `FROM has ${JSON.stringify(asKeyword.text)} after the image`, {
      suggestion: 'AS',
    });
  }
  requireStageName(alias, context);
  return { ...head, image, alias, asKeyword };
}

function requireStageName(alias: Word, { place }: ArgumentContext): void {
  if (stageName.test(alias.text.toLowerCase())) return;
  throw place.line.error(alias.offset, `${JSON.stringify(alias.text)} cannot be the name of a stage`, {
    hint: 'It starts with a letter; letters, digits, "-", "_" and "." follow.',
  });
}
