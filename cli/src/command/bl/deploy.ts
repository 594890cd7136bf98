import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import * as protocol from '@atoll/protocol';
import type { BlaxelSandboxBody } from '@atoll/protocol';
import { RemoteAPIError } from '@atoll/sdk';
import { uploadFolder, uploadUrlOf, waitUntilDeployed } from '@atoll/sdk/blaxel';
import type { BlaxelConnection } from '@atoll/sdk/blaxel';
import { command } from '../../command.ts';
import { CliError, UsageError } from '../../failure.ts';
import { flag, list, text } from '../../parameter.ts';
import { buildOptions, readBuild, readUpload } from './build-option.ts';
import type { Build } from './build-option.ts';
import { connectBlaxel } from './option.ts';

const options = {
  ...buildOptions,
  dryrun: flag('--dryrun', 'show what would be asked for, and do nothing'),
  recursive: flag('-r, --recursive', 'accepted; a project is one sandbox', true),
  envFile: list('-e, --env-file <file>', 'variables of the sandbox', text),
  secrets: list('-s, --secrets <KEY=VALUE>', 'variables of the sandbox whose values are never shown', text),
  experimental: flag('--experimental', 'accepted; USER of the image always counts', true),
};

export const deploy = command({
  name: 'deploy',
  summary: 'build the image of a project and make a sandbox of it',
  examples: ['deploy', 'deploy --skip-build -e .env', 'deploy --dryrun -o yaml'],
  args: {},
  options,
  failure: 'deploy',
  run: async ({ options: chosen, context }) => {
    const build = await readBuild(context, chosen);
    const { name, project, signal } = build;
    const connection = connectBlaxel(context, { workspace: chosen.workspace ?? project.workspace });
    const envs = await readEnvs(chosen.envFile, chosen.secrets);
    const image = chosen.skipBuild ? `sandbox/${name}:latest` : build.image;
    const body = toDeclaration({ ...build, image }, envs);
    if (chosen.dryrun) return context.output.line(JSON.stringify(body, undefined, 2));
    if (image === undefined) {
      const upload = await readUpload(context, build, chosen);
      context.output.note(`Uploading source code for sandbox/${name}...`);
      await uploadFolder(build.dir, await uploadUrlOf(connection, name, body, signal), upload);
      const onStatusChange = (status: string): void => context.output.note(`Status: ${status}`);
      await waitUntilDeployed(connection, name, { onStatusChange, signal });
    } else await declare(connection, name, body, signal);
    context.output.note(`Sandbox ${name} deployed. Next: bl get sandbox ${name}, bl connect sandbox ${name}`);
    await context.output.line(name);
  },
});

type Env = { name: string; value: string; secret?: boolean };

async function readEnvs(files: readonly string[], secrets: readonly string[]): Promise<Env[]> {
  const given: Env[] = [];
  for (const file of files) {
    const content = await readFile(file, 'utf8').catch((error: Error) => {
      throw new CliError(`${file} cannot be read: ${error.message}`);
    });
    for (const [name, value] of Object.entries(parseEnv(content))) given.push({ name, value: value ?? '' });
  }
  for (const secret of secrets) {
    const [, name, value] = /^([^=]+)=([^]*)$/.exec(secret) ?? [];
    if (name === undefined || value === undefined) throw new UsageError('a secret is KEY=VALUE');
    given.push({ name, value, secret: true });
  }
  return given;
}

/** What was given last of a variable counts: the file of the project, then files of the line, then secrets. */
function toDeclaration(
  { name, project, image, dockerConfig }: Build,
  given: readonly Env[],
): BlaxelSandboxBody {
  const { runtime, env, region } = project;
  const ofFile = Object.entries(env).map(([key, value]): Env => ({ name: key, value: String(value) }));
  const envs = new Map([...(runtime.envs ?? []), ...ofFile, ...given].map((one) => [one.name, one]));
  const expires = runtime.expires instanceof Date ? runtime.expires.toISOString() : runtime.expires;
  return {
    metadata: { name, labels: { 'x-blaxel-auto-generated': 'true' } },
    spec: {
      ...(region !== undefined && { region }),
      runtime: {
        memory: runtime.memory ?? project.memory ?? 4096,
        ...(image !== undefined && { image }),
        ...(image !== undefined && dockerConfig !== undefined && { dockerConfig }),
        ...(runtime.generation !== undefined && { generation: runtime.generation }),
        ...(runtime.ports && { ports: runtime.ports }),
        ...(runtime.ttl !== undefined && { ttl: runtime.ttl }),
        ...(expires !== undefined && { expires }),
        ...(envs.size > 0 && { envs: [...envs.values()] }),
      },
      ...(project.volumes && { volumes: project.volumes }),
    },
  };
}

/** A sandbox that is there is replaced. */
export async function declare(
  connection: BlaxelConnection,
  name: string,
  body: BlaxelSandboxBody,
  signal: AbortSignal,
): Promise<void> {
  try {
    await connection.call(protocol.createBlaxelSandbox, { query: {}, body }, { signal });
  } catch (error) {
    if (!(error instanceof RemoteAPIError) || error.statusCode !== 409) throw error;
    const input = { params: { name }, query: {}, body };
    await connection.call(protocol.replaceBlaxelSandbox, input, { signal });
  }
}
