import type { Dockerfile, Stage } from './dockerfile.ts';
import { findingAt } from './finding.ts';
import type { Word } from './word.ts';
import type { Finding } from './warning.ts';

const aliases = ({ stages }: Dockerfile): { stage: Stage; alias: Word; name: string }[] =>
  stages.flatMap((stage) => {
    const { alias } = stage.from;
    return alias ? [{ stage, alias, name: alias.text.toLowerCase() }] : [];
  });

export const stageNameCasing = (dockerfile: Dockerfile): Finding[] =>
  aliases(dockerfile)
    .filter(({ alias, name }) => alias.text !== name)
    .map(({ stage, alias }) =>
      findingAt(
        'StageNameCasing',
        `Stage name '${alias.text}' should be lowercase`,
        stage.from,
        alias.offset,
      ),
    );

export const duplicateStageNames = (dockerfile: Dockerfile): Finding[] =>
  aliases(dockerfile)
    .filter(({ name }, index, all) => all.findIndex((other) => other.name === name) < index)
    .map(({ stage, alias, name }) => {
      const message = `Duplicate stage name "${name}", stage names should be unique`;
      return findingAt('DuplicateStageName', message, stage.from, alias.offset);
    });

export const reservedStageNames = (dockerfile: Dockerfile): Finding[] =>
  aliases(dockerfile)
    .filter(({ name }) => name === 'scratch' || name === 'context')
    .map(({ stage, alias, name }) => {
      const message = `Stage name should not use the same name as reserved stage "${name}"`;
      return findingAt('ReservedStageName', message, stage.from, alias.offset);
    });

export const fromAsCasing = ({ stages }: Dockerfile): Finding[] =>
  stages.flatMap(({ from }) => {
    const { asKeyword, keyword } = from;
    if (!asKeyword || isUpper(asKeyword) === isUpper(keyword)) return [];
    const message = `'${asKeyword.text}' and '${keyword.text}' keywords' casing do not match`;
    return [findingAt('FromAsCasing', message, from, asKeyword.offset)];
  });

const isUpper = ({ text }: Word): boolean => text === text.toUpperCase();
