import type { Directives } from './directive.ts';
import { DockerfileError } from './dockerfile-error.ts';
import type { ArgInstruction, FromInstruction, StageInstruction } from './instruction.ts';
import { parseInstruction } from './parse-instruction.ts';
import { parseFile } from './parser.ts';
import type { Position, SourceFile } from './source-file.ts';
import { readSource } from './source-file.ts';

/** A Dockerfile that is well-formed; nothing is expanded yet. */
export interface Dockerfile {
  readonly source: SourceFile;
  readonly directives: Directives;
  /** ARG instructions before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly emptyContinuations: readonly Position[];
}

export interface Stage {
  readonly index: number;
  /** In lower case, which is how stages are found. */
  readonly name?: string;
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

/** Parses a Dockerfile. Throws DockerfileError, whatever the content. */
export function parseDockerfile(content: string | Uint8Array, fileName = 'Dockerfile'): Dockerfile {
  const { source, directives, lines, emptyContinuations } = parseFile(readSource(content, fileName));
  const globalArgs: ArgInstruction[] = [];
  const stages: (Stage & { instructions: StageInstruction[] })[] = [];
  for (const instruction of lines.map(parseInstruction)) {
    const stage = stages.at(-1);
    if (instruction.kind === 'from') stages.push(newStage(stages.length, instruction));
    else if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === 'arg') globalArgs.push(instruction);
    else throw beforeFrom(instruction);
  }
  if (stages.length === 0) throw withoutStages(source, lines.length);
  return { source, directives, globalArgs, stages, emptyContinuations };
}

function newStage(index: number, from: FromInstruction): Stage & { instructions: StageInstruction[] } {
  const name = from.alias?.text.toLowerCase();
  return { index, ...(name === undefined ? {} : { name }), from, instructions: [] };
}

const beforeFrom = ({ line, keyword }: StageInstruction): DockerfileError =>
  line.error(keyword.offset, `${keyword.text.toUpperCase()} stands before the first FROM`, {
    hint: 'Only ARG, comments and directives may come before the first FROM.',
  });

function withoutStages(source: SourceFile, instructionCount: number): DockerfileError {
  const reason = instructionCount === 0 ? 'the file has no instructions' : 'the file has no FROM';
  const hint = 'Start with FROM and an image, or with FROM scratch.';
  return new DockerfileError({ file: source.name, line: 1, column: 1, quote: '', reason, hint });
}
