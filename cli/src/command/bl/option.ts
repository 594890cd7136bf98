import { createBlaxelConnection } from '@atoll/sdk/blaxel';
import type { BlaxelConnection } from '@atoll/sdk/blaxel';
import type { Context } from '../../context.ts';
import { toYaml } from '../../output/yaml.ts';
import { flag, oneOf, text, value } from '../../parameter.ts';

const formats = ['table', 'json', 'yaml', 'pretty'] as const;

/** Options of every command of `bl`. */
export const blOptions = {
  workspace: value('-w, --workspace <name>', 'workspace to act in', text),
  output: value('-o, --output <format>', 'table, json, yaml or pretty', oneOf(formats)),
  verbose: flag('-v, --verbose', 'say more'),
  utc: flag('-u, --utc', 'times in UTC, as they always are here', true),
  skipVersionWarning: flag('--skip-version-warning', 'nothing is looked up, so nothing is warned of', true),
};

interface Chosen {
  workspace?: string | undefined;
  output?: (typeof formats)[number] | undefined;
}

/** The server, in the words of the Blaxel dialect. */
export function connectBlaxel(
  { clientOptions, flags }: Context,
  { workspace = flags.namespace }: Chosen = {},
): BlaxelConnection {
  const { namespace: _, ...options } = clientOptions;
  return createBlaxelConnection({ ...options, ...(workspace !== undefined && { workspace }) });
}

/** Prints a value in the format that was asked for; `render` makes the table. */
export async function print(
  { output, flags }: Context,
  { output: format = flags.json ? 'json' : 'table' }: Chosen,
  value: unknown,
  render: () => string,
): Promise<void> {
  if (format === 'json') return output.line(JSON.stringify(value, undefined, 2));
  return output.line(format === 'table' ? render() : toYaml(value));
}
