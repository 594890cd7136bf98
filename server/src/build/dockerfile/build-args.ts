import type { Dockerfile } from './dockerfile.ts';
import type { Expander, Variables } from './expander.ts';
import type { ArgInstruction } from './instruction.ts';
import { formatPlatform } from './platform.ts';
import type { Platform } from './platform.ts';

/** Build arguments that need no ARG, and that neither the cache nor the history knows. */
export const proxyArgs: ReadonlySet<string> = new Set(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
);

/** Values by name; a name without a value is declared only. */
export type ArgValues = ReadonlyMap<string, string | undefined>;

export interface ArgOptions {
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly platform: Platform;
  readonly buildPlatform: Platform;
  readonly target: string;
}

/** What FROM sees without any ARG. */
export function predefinedArgs({
  platform,
  buildPlatform,
  target,
}: Omit<ArgOptions, 'buildArgs'>): ArgValues {
  return new Map([
    ...platformArgs('BUILD', buildPlatform),
    ...platformArgs('TARGET', platform),
    ['TARGETSTAGE', target === '' ? 'default' : target],
  ]);
}

const platformArgs = (prefix: string, platform: Platform): [string, string][] => [
  [`${prefix}PLATFORM`, formatPlatform(platform)],
  [`${prefix}OS`, platform.os],
  [`${prefix}OSVERSION`, ''],
  [`${prefix}ARCH`, platform.architecture],
  [`${prefix}VARIANT`, platform.variant ?? ''],
];

/** Adds the ARGs before the first FROM, each of which sees those before it. */
export function globalArgs(dockerfile: Dockerfile, options: ArgOptions, expander: Expander): ArgValues {
  const values = new Map(predefinedArgs(options));
  for (const instruction of dockerfile.globalArgs) addGlobalArg(values, instruction, options, expander);
  return values;
}

function addGlobalArg(
  values: Map<string, string | undefined>,
  instruction: ArgInstruction,
  { buildArgs }: ArgOptions,
  expander: Expander,
): void {
  expander.spend(values.size, instruction);
  const before = new Map(values);
  for (const entry of instruction.entries) {
    const name = expander.word(entry.name, variablesOf(before), instruction);
    const byDefault = entry.value && expander.word(entry.value, variablesOf(before), instruction);
    values.set(name, buildArgs.get(name) ?? byDefault ?? values.get(name));
  }
}

export const variablesOf = (values: ArgValues): Variables => ({
  lookup: (name) => values.get(name),
  names: () => [...values.keys()],
});
