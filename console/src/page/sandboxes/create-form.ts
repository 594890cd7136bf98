import type { CreateSandboxOptions, FileSystemMount } from '@atoll/sdk';

/** What the form holds: text as it was typed. */
export interface CreateForm {
  name: string;
  image: string;
  cpus: string;
  memoryMb: string;
  diskMb: string;
  timeoutSecs: string;
  internet: boolean;
  allowOut: string;
  denyOut: string;
  secretNames: string[];
  exposedPorts: string;
  fileSystems: FileSystemMount[];
}

export const emptyForm: CreateForm = {
  name: '',
  image: '',
  cpus: '',
  memoryMb: '',
  diskMb: '',
  timeoutSecs: '',
  internet: true,
  allowOut: '',
  denyOut: '',
  secretNames: [],
  exposedPorts: '',
  fileSystems: [],
};

const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');
const number = (text: string): number | undefined => (text.trim() === '' ? undefined : Number(text));

/** What is asked of the server; fields that were left alone are left to it. */
export function toOptions(form: CreateForm): CreateSandboxOptions {
  const options = {
    name: form.name.trim() || undefined,
    image: form.image.trim() || undefined,
    cpus: number(form.cpus),
    memoryMb: number(form.memoryMb),
    diskMb: number(form.diskMb),
    timeoutSecs: number(form.timeoutSecs),
    allowInternetAccess: form.internet ? undefined : false,
    allowOut: orNothing(words(form.allowOut)),
    denyOut: orNothing(words(form.denyOut)),
    secretNames: orNothing(form.secretNames),
    fileSystems: orNothing(form.fileSystems),
    exposedPorts: orNothing(words(form.exposedPorts).map(Number)),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

const orNothing = <T>(list: T[]): T[] | undefined => (list.length === 0 ? undefined : list);

/** The same by the command line. */
export function toCommand(options: CreateSandboxOptions): string {
  const flags: [string, readonly unknown[]][] = [
    ['--image', list(options.image)],
    ['--cpus', list(options.cpus)],
    ['--memory', list(options.memoryMb)],
    ['--disk', list(options.diskMb)],
    ['--timeout', list(options.timeoutSecs)],
    ['--network-allow', options.allowOut ?? []],
    ['--network-deny', options.denyOut ?? []],
    ['--secret', options.secretNames ?? []],
    ['--filesystem', (options.fileSystems ?? []).map(mountText)],
  ];
  const named = flags.flatMap(([flag, values]) => values.map((value) => `${flag} ${quote(String(value))}`));
  const internet = options.allowInternetAccess === false ? ['--no-internet'] : [];
  const name = list(options.name).map((value) => quote(value));
  const create = ['atoll sbx create', ...name, ...named, ...internet].join(' ');
  const ports = options.exposedPorts ?? [];
  return ports.length === 0
    ? create
    : `id=$(${create})\natoll sbx port expose --require-key "$id" ${ports.join(' ')}`;
}

const mountText = ({ fileSystemId, mountPath, readOnly }: FileSystemMount): string =>
  `${fileSystemId}:${mountPath}${readOnly === true ? ':ro' : ''}`;

const list = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);

/** As a shell reads it back. */
const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** The same by a program. */
export function toProgram(options: CreateSandboxOptions): string {
  const json = JSON.stringify(options, undefined, 2).replace(/^(\s*)"(\w+)":/gm, '$1$2:');
  const argument = Object.keys(options).length === 0 ? '' : json;
  return `import { SandboxClient } from '@atoll/sdk';

const client = new SandboxClient();
const sandbox = await client.createAndConnect(${argument});`;
}
