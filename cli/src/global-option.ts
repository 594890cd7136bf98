import { flag, text, value } from './parameter.ts';

/** Options of every command. */
export const globalOptions = {
  apiUrl: value('--api-url <url>', 'address of the server', text),
  apiKey: value('--api-key <key>', 'API key; `login` reads it from standard input for -', text),
  pat: value('--pat <token>', 'personal access token', text),
  namespace: value('--namespace <name>', 'workspace to act in', text),
  organization: value('--organization <id>', 'account that a personal access token acts for', text),
  project: value('--project <id>', 'workspace id that a personal access token acts for', text),
  profile: value('--profile <name>', 'profile of the config file', text),
  json: flag('--json', 'print JSON'),
  quiet: flag('--quiet', 'no progress on standard error'),
  debug: flag('--debug', 'show requests on standard error (also DEBUG=atoll:*)'),
};

/** Their values, however they were given. */
export interface GlobalFlags {
  apiUrl?: string;
  apiKey?: string;
  pat?: string;
  namespace?: string;
  organization?: string;
  project?: string;
  profile?: string;
  json: boolean;
  quiet: boolean;
  debug: boolean;
}

const textFlags = ['apiUrl', 'apiKey', 'pat', 'namespace', 'organization', 'project', 'profile'] as const;

/** Picks them out of everything that was found on the line. */
export function readGlobalFlags(found: Record<string, unknown>, env: NodeJS.ProcessEnv): GlobalFlags {
  const flags: GlobalFlags = {
    json: found['json'] === true,
    quiet: found['quiet'] === true,
    debug: found['debug'] === true || wantsDebug(env['DEBUG'] ?? ''),
  };
  for (const name of textFlags) {
    const given = found[name];
    if (typeof given === 'string' && given !== '') flags[name] = given;
  }
  return flags;
}

const wantsDebug = (patterns: string) =>
  patterns
    .split(/[\s,]+/)
    .some((pattern) => pattern === '*' || pattern === 'atoll:*' || pattern === 'atoll:http');
