import { AdminClient, BuildClient, SandboxClient } from '@atoll/sdk';
import type { ClientOptions, RequestTrace } from '@atoll/sdk';
import type { GlobalFlags } from './global-option.ts';
import type { Output } from './output/output.ts';

export const cliVersion = '0.1.0';

/** What every command works with. */
export interface Context {
  flags: GlobalFlags;
  output: Output;
  env: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  /** Aborts on Ctrl-C and on SIGTERM. */
  signal: AbortSignal;
  /** Leaves Ctrl-C and SIGTERM to the command. */
  yieldSignals: () => void;
  /** How the flags address the server. */
  clientOptions: ClientOptions;
  sandboxes: SandboxClient;
  admin: AdminClient;
  builds: BuildClient;
}

export type ContextParts = Pick<Context, 'flags' | 'output' | 'env' | 'stdin' | 'signal' | 'yieldSignals'>;

export function createContext(parts: ContextParts): Context {
  const clientOptions = toClientOptions(parts.flags, (trace) => {
    if (parts.flags.debug) void parts.output.writeError(`${formatTrace(trace)}\n`);
  });
  return {
    ...parts,
    clientOptions,
    sandboxes: new SandboxClient(clientOptions),
    admin: new AdminClient(clientOptions),
    builds: new BuildClient(clientOptions),
  };
}

function toClientOptions(flags: GlobalFlags, onRequest: (trace: RequestTrace) => void): ClientOptions {
  const apiKey = flags.apiKey ?? flags.pat;
  return {
    userAgent: `atoll-cli/${cliVersion}`,
    onRequest,
    ...(flags.apiUrl !== undefined && { apiUrl: flags.apiUrl }),
    ...(apiKey !== undefined && { apiKey }),
    ...(flags.namespace !== undefined && { namespace: flags.namespace }),
    ...(flags.organization !== undefined && { organizationId: flags.organization }),
    ...(flags.project !== undefined && { projectId: flags.project }),
    ...(flags.profile !== undefined && { profile: flags.profile }),
  };
}

const formatTrace = ({ method, url, status, durationMs }: RequestTrace) =>
  `atoll:http ${method} ${url} ${status ?? 'failed'} ${durationMs.toFixed(0)} ms`;
