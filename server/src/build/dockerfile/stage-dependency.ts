import type { Stage } from './dockerfile.ts';
import { isImageReference } from './image-reference.ts';
import type { Place, StageInstruction } from './instruction.ts';
import type { FileOrigin } from './stage-base.ts';
import type { Word } from './word.ts';

/** Something that an instruction takes files from. */
export interface Dependency {
  readonly origin: FileOrigin;
  readonly place: Place;
  readonly offset: number;
}

/** What COPY --from and RUN --mount=from= of a stage name. */
export const dependenciesOf = (
  instructions: readonly StageInstruction[],
  stages: readonly Stage[],
): Dependency[] => instructions.flatMap((instruction) => instructionDependencies(instruction, stages));

function instructionDependencies(instruction: StageInstruction, stages: readonly Stage[]): Dependency[] {
  if (instruction.kind === 'copy' && instruction.from)
    return [dependency(instruction.from, instruction, stages)];
  if (instruction.kind !== 'run') return [];
  return instruction.mounts.flatMap(({ fields, word }) => {
    const from = fields.get('from');
    return from === undefined ? [] : [dependency({ text: from, offset: word.offset }, instruction, stages)];
  });
}

const dependency = (from: Word, place: Place, stages: readonly Stage[]): Dependency => ({
  origin: resolveOrigin(from, place, stages),
  place,
  offset: from.offset,
});

/** Finds a stage by its number or its name (the last one of that name), else takes the text for an image. */
export function resolveOrigin(from: Word, place: Place, stages: readonly Stage[]): FileOrigin {
  const { text } = from;
  if (text.includes('$')) {
    throw place.line.error(from.offset, `from does not expand variables: ${text}`, {
      hint: 'Give the image a stage of its own, FROM … AS a name, and take files from that.',
    });
  }
  if (/^\d+$/.test(text)) return stageByIndex(from, place, stages);
  const stage = stages.findLast(({ name }) => name === text.toLowerCase());
  if (stage) return { kind: 'stage', index: stage.index };
  if (text === 'scratch') return { kind: 'scratch' };
  if (isImageReference(text)) return { kind: 'image', reference: text };
  throw place.line.error(from.offset, `${JSON.stringify(text)} is neither a stage nor an image`);
}

function stageByIndex({ text, offset }: Word, place: Place, stages: readonly Stage[]): FileOrigin {
  const index = Number(text);
  if (index < stages.length) return { kind: 'stage', index };
  const hint = `Stages are counted from 0; the last is ${stages.length - 1}.`;
  throw place.line.error(offset, `there is no stage ${text}`, { hint });
}
