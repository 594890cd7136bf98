import { globalArgs, variablesOf } from './build-args.ts';
import type { ArgOptions, ArgValues } from './build-args.ts';
import type { Dockerfile, Stage } from './dockerfile.ts';
import { DockerfileError } from './dockerfile-error.ts';
import { Expander } from './expander.ts';
import { findingAt } from './finding.ts';
import { isImageReference } from './image-reference.ts';
import { nearestWord } from './nearest-word.ts';
import { expandShell } from './shell-lexer.ts';
import type { Finding } from './warning.ts';
import type { Word } from './word.ts';

/** FROM uses a variable that no ARG before it declares. */
export function undeclaredArgs(dockerfile: Dockerfile, options: ArgOptions): Finding[] {
  const globals = globalArgs(dockerfile, options, new Expander());
  return dockerfile.stages.flatMap(({ from }) =>
    [from.image, ...(from.platform ? [from.platform] : [])].flatMap((word) =>
      unsetNames(word, globals, from.escape).map((name) => {
        const nearest = nearestWord(name, [...globals.keys()]);
        const guess = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
        return findingAt(
          'UndefinedArgInFrom',
          `FROM argument '${name}' is not declared${guess}`,
          from,
          word.offset,
        );
      }),
    ),
  );
}

const unsetNames = (word: Word, globals: ArgValues, escape: string): string[] =>
  expandShell(word.text, (name) => globals.get(name), { escape })
    .unset.filter((name) => !globals.has(name))
    .slice(0, 10);

/** Without any --build-arg, FROM would name no image. */
export function invalidDefaults(dockerfile: Dockerfile, options: ArgOptions): Finding[] {
  const expander = new Expander();
  const defaults = tryDefaults(dockerfile, { ...options, buildArgs: new Map() }, expander);
  if (!defaults) return [];
  return dockerfile.stages
    .filter((stage) => stage.from.image.text.includes('$'))
    .filter((stage) => !hasValidDefault(stage, dockerfile, defaults, expander))
    .map(({ from }) => {
      const message = `Default value for ARG ${from.image.text} results in empty or invalid base image name`;
      return findingAt('InvalidDefaultArgInFrom', message, from, from.image.offset);
    });
}

/** A default may insist on a build argument with `${x:?message}`. */
function tryDefaults(dockerfile: Dockerfile, options: ArgOptions, expander: Expander): ArgValues | undefined {
  try {
    return globalArgs(dockerfile, options, expander);
  } catch (error) {
    if (error instanceof DockerfileError) return undefined;
    throw error;
  }
}

function hasValidDefault(
  { from, index }: Stage,
  { stages }: Dockerfile,
  defaults: ArgValues,
  expander: Expander,
): boolean {
  try {
    const name = expander.word(from.image, variablesOf(defaults), from);
    const isStage = stages.slice(0, index).some((stage) => stage.name === name.toLowerCase());
    return isStage || isImageReference(name);
  } catch (error) {
    if (error instanceof DockerfileError) return true;
    throw error;
  }
}

export const redundantPlatforms = ({ stages }: Dockerfile): Finding[] =>
  stages.flatMap(({ from }) => {
    const { platform } = from;
    if (!platform || !/^\$(TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform.text)) return [];
    const message = `Setting platform to predefined ${platform.text} in FROM is redundant as this is the default behavior`;
    return [findingAt('RedundantTargetPlatform', message, from, platform.offset)];
  });

/** A constant platform is fine where other stages choose between several of them by name. */
export const constantPlatforms = ({ stages }: Dockerfile): Finding[] =>
  stages.flatMap(({ from, name }) => {
    const { platform } = from;
    if (!platform || platform.text.includes('$')) return [];
    const architecture = platform.text.split('/')[1] ?? platform.text;
    if (name?.includes(architecture)) return [];
    const message = `FROM --platform flag should not use constant value "${platform.text}"`;
    return [findingAt('FromPlatformFlagConstDisallowed', message, from, platform.offset)];
  });
