import type { Dockerfile, Stage } from './dockerfile.ts';
import { findingAt } from './finding.ts';
import type { StageInstruction } from './instruction.ts';
import type { Finding } from './warning.ts';

/** A shell that was chosen with SHELL is meant to be there. */
export const jsonArgs = ({ stages }: Dockerfile): Finding[] =>
  stages.flatMap(({ instructions }) => {
    if (instructions.some(({ kind }) => kind === 'shell')) return [];
    return instructions.flatMap((instruction) => {
      if (instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint') return [];
      if (instruction.command.form !== 'shell' || instruction.command.text === '') return [];
      const name = instruction.kind.toUpperCase();
      const message = `JSON arguments recommended for ${name} to prevent unintended behavior related to OS signals`;
      return [findingAt('JSONArgsRecommended', message, instruction)];
    });
  });

const onlyLastCounts: readonly StageInstruction['kind'][] = ['cmd', 'entrypoint', 'healthcheck'];

export const repeatedInstructions = ({ stages }: Dockerfile): Finding[] =>
  stages.flatMap(({ instructions }) =>
    onlyLastCounts.flatMap((kind) => {
      const message = `Multiple ${kind.toUpperCase()} instructions should not be used in the same stage because only the last one will be used`;
      const earlier = instructions.filter((instruction) => instruction.kind === kind).slice(0, -1);
      return earlier.map((instruction) => findingAt('MultipleInstructionsDisallowed', message, instruction));
    }),
  );

/** A relative path is sound once the file itself has set an absolute one. */
export function relativeWorkdirs({ stages }: Dockerfile): Finding[] {
  const knownAtEnd: boolean[] = [];
  return stages.flatMap((stage) => {
    let isKnown = startsKnown(stage, stages, knownAtEnd);
    const findings: Finding[] = [];
    for (const instruction of stage.instructions) {
      if (instruction.kind !== 'workdir') continue;
      const path = instruction.value.text.replace(/^["']/, '');
      if (path.startsWith('/') || path.startsWith('$')) isKnown = true;
      if (isKnown) continue;
      const message = `Relative workdir "${instruction.value.text}" can have unexpected results if the base image changes`;
      findings.push(findingAt('WorkdirRelativePath', message, instruction, instruction.value.offset));
    }
    knownAtEnd[stage.index] = isKnown;
    return findings;
  });
}

function startsKnown(
  { from, index }: Stage,
  stages: readonly Stage[],
  knownAtEnd: readonly boolean[],
): boolean {
  if (from.image.text === 'scratch') return true;
  const base = stages.slice(0, index).findLast(({ name }) => name === from.image.text.toLowerCase());
  return base !== undefined && (knownAtEnd[base.index] ?? false);
}
