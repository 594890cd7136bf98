import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { CliError } from '../failure.ts';

const config = z.looseObject({
  context: z.looseObject({ workspace: z.string().optional() }).optional(),
  workspaces: z
    .array(
      z.looseObject({
        name: z.string(),
        credentials: z
          .looseObject({
            apiKey: z.string().optional(),
            clientCredentials: z.string().optional(),
            access_token: z.string().optional(),
          })
          .optional(),
      }),
    )
    .optional(),
});

/** What a login of the published program has left. */
export interface HostedLogin {
  workspace: string;
  /** A key, or a token that stands for one. */
  apiKey?: string;
  /** `ID:SECRET` of a service account, in base64. */
  clientCredentials?: string;
}

/** The login for a workspace, or for the one in use, in `~/.blaxel/config.yaml`; undefined where there is none. */
export async function readHostedLogin(
  env: NodeJS.ProcessEnv,
  asked: string | undefined,
): Promise<HostedLogin | undefined> {
  const path = join(env['HOME'] || homedir(), '.blaxel', 'config.yaml');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new CliError(`${path} cannot be read: ${error.message}`);
  });
  if (text === undefined) return undefined;
  const { context, workspaces = [] } = parseConfig(path, text);
  const workspace = asked ?? context?.workspace;
  if (workspace === undefined) return undefined;
  const credentials = workspaces.find(({ name }) => name === workspace)?.credentials ?? {};
  const apiKey = credentials.apiKey || credentials.access_token;
  const { clientCredentials } = credentials;
  return { workspace, ...(apiKey && { apiKey }), ...(clientCredentials && { clientCredentials }) };
}

/** The message never quotes the text: it holds keys. */
function parseConfig(path: string, text: string): z.output<typeof config> {
  try {
    return config.parse(parse(text, { prettyErrors: false }) ?? {});
  } catch (error) {
    const at = error instanceof YAMLParseError ? `: ${error.code}` : '';
    throw new CliError(`${path} is not what a login writes${at}`, 'Log in again, or set BL_API_KEY.');
  }
}
