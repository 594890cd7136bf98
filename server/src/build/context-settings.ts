import { buffer } from 'node:stream/consumers';
import { ApiError, dockerignoreNames, parseDockerignore } from '@atoll/protocol';
import { LayerToolError } from '../image/layer-tool.ts';
import { dockerConfigSchema } from '../image/remote/registry-credentials.ts';
import type { DockerConfig } from '../image/remote/registry-credentials.ts';
import type { ContextTask } from './build-context.ts';

/** What a context brings beside its files. */
export interface ContextSettings {
  buildArgs?: Record<string, string>;
  dockerConfig?: DockerConfig;
}

/** Lines KEY=VALUE, and a configuration of docker (blaxel wire 1.7). */
const ARGUMENTS_FILE = '.env.build';
const DOCKER_CONFIG_FILE = '.docker/config.json';
const MAX_SETTINGS_BYTES = 1_000_000;

/**
 * Reads build arguments and credentials out of a context and takes their files away, or `COPY . .` would put them in the
 * image. What `.dockerignore` names goes too: nobody has left it out of an archive that any program may have made.
 */
export async function takeSettings(task: ContextTask, dockerfilePath: string): Promise<ContextSettings> {
  const args = await readText(task, ARGUMENTS_FILE);
  const config = await readText(task, DOCKER_CONFIG_FILE);
  const paths = [ARGUMENTS_FILE, DOCKER_CONFIG_FILE];
  const request = { paths, patterns: await readIgnored(task, dockerfilePath) };
  await task
    .tool({ verb: 'discard', root: task.contextDir, request, signal: task.signal })
    .catch((error: unknown) => {
      if (!(error instanceof LayerToolError)) throw error;
      throw new ApiError('invalid_request', `.dockerignore: ${error.message}`, { cause: error });
    });
  return {
    ...(args !== undefined && { buildArgs: parseArguments(args) }),
    ...(config !== undefined && { dockerConfig: parseDockerConfig(config) }),
  };
}

async function readIgnored(task: ContextTask, dockerfilePath: string): Promise<string[]> {
  for (const path of dockerignoreNames(dockerfilePath)) {
    const text = await readText(task, path);
    if (text !== undefined) return parseDockerignore(text);
  }
  return [];
}

async function readText(
  { tool, contextDir, signal }: ContextTask,
  path: string,
): Promise<string | undefined> {
  let content = Buffer.alloc(0);
  try {
    await tool({
      verb: 'read',
      root: contextDir,
      request: { path, maxBytes: MAX_SETTINGS_BYTES },
      signal,
      output: async (stdout) => {
        content = await buffer(stdout);
      },
    });
    return content.toString('utf8');
  } catch (error) {
    if (error instanceof LayerToolError && error.code === 'not_found') return undefined;
    if (!(error instanceof LayerToolError)) throw error;
    throw new ApiError('invalid_request', error.message, { cause: error });
  }
}

/** Comments and empty lines say nothing; quotes around a value are not part of it. */
export function parseArguments(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => /^\s*(export\s+)?\w+=/.test(line));
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = '', value = ''] = /^\s*(?:export\s+)?(\w+)=(.*)$/.exec(line) ?? [];
      return [name, value.trim().replace(/^(["'])(.*)\1$/, '$2')];
    }),
  );
}

/** The message never quotes the text: it holds passwords. */
export function parseDockerConfig(text: string): DockerConfig {
  try {
    return dockerConfigSchema.parse(JSON.parse(text));
  } catch {
    throw new ApiError('invalid_request', 'the docker configuration is not of the form {"auths": {…}}');
  }
}
