import { readFile } from 'node:fs/promises';
import type { BuildImageOptions, SshSource } from '@atoll/sdk';
import { InvalidArgumentError } from 'commander';
import { CliError } from '../failure.ts';
import { flag, integer, list, number, text, value } from '../parameter.ts';
import { parseEnv } from './env.ts';

interface SecretSource {
  id: string;
  kind: 'file' | 'env';
  from: string;
}

/** `id=NAME[,src=FILE|,env=VARIABLE]`; without a source the variable of that name, else the file. */
function parseSecret(given: string): SecretSource {
  const fields = new Map(given.split(',').map((field) => parseEnv(field)));
  const id = fields.get('id');
  if (id === undefined)
    throw new InvalidArgumentError('It must be id=NAME,src=FILE or id=NAME,env=VARIABLE.');
  const file = fields.get('src') ?? fields.get('source');
  return file === undefined
    ? { id, kind: 'env', from: fields.get('env') ?? id }
    : { id, kind: 'file', from: file };
}

/** `ID[=SOCKET]` or `ID=KEY[,KEY]`, as docker has it. */
function parseSsh(given: string): readonly [string, SshSource] {
  const [id = '', list] = given.split(/=(.*)/s);
  const paths = list?.split(',') ?? [];
  if (id === '' || paths.includes('')) throw new InvalidArgumentError('It must be ID, ID=SOCKET or ID=KEY.');
  return [id, paths.length === 0 || paths];
}

/** How an image is built and what it becomes. */
export const buildFlags = {
  cpus: value('-c, --cpus <number>', 'CPUs of the build (2)', number(0)),
  memory: value('-m, --memory <mb>', 'memory of the build in megabytes (4096)', integer(0)),
  disk: value('--disk, --disk_mb <mb>', 'disk of sandboxes of the image in megabytes (10240)', integer(0)),
  builderDisk: value('--builder-disk, --builder_disk_mb <mb>', 'disk of the build in megabytes', integer(0)),
  public: flag('-p, --public', 'let other workspaces use it'),
  noReplace: flag('--no-replace', 'fail when the name is taken instead of moving it'),
  target: value('--target <stage>', 'stage to build (the last one)', text),
  buildArgs: list('--build-arg <KEY=VALUE>', 'value of an ARG', parseEnv),
  labels: list('--label <KEY=VALUE>', 'label of the image', parseEnv),
  secrets: list(
    '--secret <id=NAME,src=FILE>',
    'secret for RUN --mount=type=secret; kept nowhere',
    parseSecret,
  ),
  ssh: list(
    '--ssh <id[=SOCKET|KEY]>',
    'SSH agent (default: the one of this shell) or private keys for RUN --mount=type=ssh and ADD; they stay here',
    parseSsh,
  ),
  sshKnownHosts: value('--ssh-known-hosts <file>', 'hosts that ADD may trust (~/.ssh/known_hosts)', text),
  noCache: flag('--no-cache', 'run every step anew'),
  platform: value('--platform <platform>', "this machine's, e.g. linux/amd64", text),
  dockerCompat: flag('--docker-compat, --docker_compat', 'builds behave as those of Docker anyway', true),
};

interface BuildFlagValues {
  cpus: number | undefined;
  memory: number | undefined;
  disk: number | undefined;
  builderDisk: number | undefined;
  public: boolean;
  noReplace: boolean;
  target: string | undefined;
  buildArgs: (readonly [string, string])[];
  labels: (readonly [string, string])[];
  secrets: SecretSource[];
  ssh: (readonly [string, SshSource])[];
  sshKnownHosts: string | undefined;
  noCache: boolean;
  platform: string | undefined;
}

/** As options of the SDK; reads the secrets. */
export async function toBuildOptions(
  flags: BuildFlagValues,
  env: NodeJS.ProcessEnv,
): Promise<BuildImageOptions> {
  return {
    cpus: flags.cpus,
    memoryMb: flags.memory,
    diskMb: flags.disk,
    builderDiskMb: flags.builderDisk,
    // A rebuild without the flag leaves the name as it is.
    isPublic: flags.public || undefined,
    noReplace: flags.noReplace,
    target: flags.target,
    buildArgs: Object.fromEntries(flags.buildArgs),
    labels: Object.fromEntries(flags.labels),
    secrets: await readSecrets(flags.secrets, env),
    ssh: flags.ssh.length > 0 ? Object.fromEntries(flags.ssh) : undefined,
    sshKnownHosts:
      flags.sshKnownHosts === undefined ? undefined : String(await read('known hosts', flags.sshKnownHosts)),
    noCache: flags.noCache,
    platform: flags.platform,
  };
}

async function readSecrets(
  sources: readonly SecretSource[],
  env: NodeJS.ProcessEnv,
): Promise<Record<string, string | Uint8Array>> {
  const secrets: Record<string, string | Uint8Array> = {};
  for (const { id, kind, from } of sources)
    secrets[id] = kind === 'env' ? readVariable(id, from, env) : await read('secret', from);
  return secrets;
}

function readVariable(id: string, name: string, env: NodeJS.ProcessEnv): string {
  const found = env[name];
  if (found !== undefined) return found;
  throw new CliError(`the secret ${id} has no value: the variable ${name} is not set`);
}

const read = (what: string, path: string): Promise<Buffer> =>
  readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(`the ${what} file ${path} cannot be read: ${cause.code ?? cause.message}`);
  });
