import { createPathMatcher, PathPatternError } from '@atoll/protocol';
import { canonicalJson } from './cache-key.ts';
import { heredocText } from './heredoc.ts';
import type { AddInstruction, CopyInstruction } from './instruction.ts';
import { resolveOrigin } from './stage-dependency.ts';
import { absolutePath, stepHead, variablesOfState } from './stage-state.ts';
import type { Resolved, Scope, StageState } from './stage-state.ts';
import type { InlineFile, TransferFields } from './step.ts';
import { addSource, pathSource } from './transfer-source.ts';
import type { Word } from './word.ts';

type Transfer = CopyInstruction | AddInstruction;
type Expand = (word: Word) => string;

const octalMode = /^[0-7]{1,5}$/;
const symbolicMode = /^[ugoa]*[-+=][rwxXstugo]*(?:[-+=][rwxXstugo]*)*(?:,[ugoa]*[-+=][rwxXstugo]*)*$/;

/** Where COPY finds its files and where it puts them. */
export function resolveCopy(instruction: CopyInstruction, state: StageState, scope: Scope): Resolved {
  const expand = expander(instruction, state, scope);
  const { from, keepsParents } = instruction;
  const { stages } = scope.plan.dockerfile;
  const what = {
    from: from ? resolveOrigin(from, instruction, stages) : ({ kind: 'context' } as const),
    sources: instruction.sources.map((word) => pathSource(expand(word))),
    keepsParents,
    ...transferFields(instruction, state, scope),
  };
  // Where the files of a stage come from is known by their content; its number may change.
  const key = { ...what, from: what.from.kind };
  return {
    step: { kind: 'copy', ...stepHead(instruction, state), ...what, cacheKey: keyOf('copy', key) },
    state,
  };
}

/** The same for ADD, whose sources may be web addresses and repositories. */
export function resolveAdd(instruction: AddInstruction, state: StageState, scope: Scope): Resolved {
  const expand = expander(instruction, state, scope);
  const checksum = instruction.checksum && expand(instruction.checksum);
  if (checksum !== undefined && instruction.sources.length + instruction.heredocs.length > 1) {
    throw instruction.line.error(instruction.checksum?.offset ?? 0, '--checksum needs a single source');
  }
  const what = {
    sources: instruction.sources.map((word) => addSource(expand(word), word, instruction, checksum)),
    ...(instruction.unpacks === undefined ? {} : { unpacks: instruction.unpacks }),
    ...transferFields(instruction, state, scope),
  };
  return {
    step: { kind: 'add', ...stepHead(instruction, state), ...what, cacheKey: keyOf('add', what) },
    state,
  };
}

const keyOf = (kind: string, what: object): string => canonicalJson({ kind, ...what });

const expander = (instruction: Transfer, state: StageState, scope: Scope): Expand => {
  const variables = variablesOfState(state);
  return (word) => scope.expander.word(word, variables, instruction);
};

function transferFields(instruction: Transfer, state: StageState, scope: Scope): TransferFields {
  const expand = expander(instruction, state, scope);
  const { chown, chmod, exclude, isLink } = instruction;
  const mode = chmod && resolveMode(chmod, instruction, expand);
  return {
    files: inlineFiles(instruction, state, scope),
    destination: resolveDestination(instruction, state, expand),
    ...(chown ? { chown: expand(chown) } : {}),
    ...(mode === undefined ? {} : { chmod: mode }),
    isLink,
    exclude: exclude.map((word) => resolvePattern(word, instruction, expand)),
  };
}

function resolveDestination(instruction: Transfer, state: StageState, expand: Expand): string {
  const { destination, sources, heredocs, line } = instruction;
  const path = absolutePath(expand(destination), state);
  const isDirectory = path === '/' || path.endsWith('/');
  if (isDirectory || sources.length + heredocs.length < 2) return path;
  throw line.error(
    destination.offset,
    `with several sources the destination is a directory and must end with "/"`,
  );
}

function resolvePattern(word: Word, { line }: Transfer, expand: Expand): string {
  const pattern = expand(word);
  try {
    createPathMatcher([pattern]);
    return pattern;
  } catch (error) {
    if (error instanceof PathPatternError) throw line.error(word.offset, error.message);
    throw error;
  }
}

function resolveMode(chmod: Word, { line }: Transfer, expand: Expand): string {
  const mode = expand(chmod);
  if (octalMode.test(mode) && Number.parseInt(mode, 8) <= 0o7777) return mode;
  if (symbolicMode.test(mode)) return mode;
  throw line.error(chmod.offset, `--chmod is an octal mode up to 07777 or a symbolic one, not ${mode}`);
}

function inlineFiles(instruction: Transfer, state: StageState, scope: Scope): InlineFile[] {
  const variables = variablesOfState(state);
  return instruction.heredocs.map((heredoc) => {
    const text = heredocText(heredoc);
    const content = heredoc.isExpanded ? scope.expander.heredoc(text, variables, instruction) : text;
    return { name: heredoc.name, content };
  });
}
