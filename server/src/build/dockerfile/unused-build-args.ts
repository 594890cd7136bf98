import type { Dockerfile } from './dockerfile.ts';
import { toWarning } from './warning.ts';
import type { Warning } from './warning.ts';

/** Build arguments that no ARG declares. */
export function unusedBuildArgs(
  { source, globalArgs, stages }: Dockerfile,
  buildArgs: ReadonlyMap<string, string>,
  predefined: ReadonlySet<string>,
): Warning[] {
  const instructions = [...globalArgs, ...stages.flatMap((stage) => stage.instructions)];
  const declared = new Set(
    instructions.flatMap((one) => (one.kind === 'arg' ? one.entries.map(({ name }) => name.text) : [])),
  );
  const isKnown = (name: string): boolean =>
    declared.has(name) ||
    predefined.has(name) ||
    name.startsWith('BUILDKIT_') ||
    name === 'SOURCE_DATE_EPOCH';
  const unused = [...buildArgs.keys()].filter((name) => !isKnown(name));
  if (unused.length === 0) return [];
  const message = `One or more build-args [${unused.toSorted().join(' ')}] were not consumed`;
  return [
    {
      ...toWarning(source, { rule: 'UnusedBuildArg', message, position: { line: 1, column: 1 } }),
      quote: '',
    },
  ];
}
