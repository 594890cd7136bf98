import { InvalidArgumentError } from 'commander';
import { integer, list, text, value } from '../../parameter.ts';

function parseLabel(given: string): readonly [string, string] {
  const at = given.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE.');
  return [given.slice(0, at), given.slice(at + 1)];
}

/** What a file system is beside its name. */
export const volumeOptions = {
  size: value('--size <mb>', 'megabytes that fit into it (default: 10240)', integer(1)),
  description: value('--description <text>', 'what it is for', text),
  label: list('--label <name=value>', 'a label', parseLabel),
};

interface Given {
  size: number | undefined;
  description: string | undefined;
  label: (readonly [string, string])[];
}

/** As fields of a create or an update. */
export const toVolumeFields = ({ size, description, label }: Given) => ({
  ...(size !== undefined && { sizeMb: size }),
  ...(description !== undefined && { description }),
  ...(label.length > 0 && { labels: Object.fromEntries(label) }),
});
