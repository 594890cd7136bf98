import { ApiError } from '@atoll/protocol';
import { RemoteAPIError, SandboxError } from '@atoll/sdk';
import { CommanderError } from 'commander';

/** Exit codes that do not come from a remote command. */
export const exitCodes = { ok: 0, error: 1, usage: 2 } as const;

/** The line was understood, but what it asks for makes no sense. Exits with 2. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** Something failed outside the server, and what to do about it. Exits with 1. */
export class CliError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, options?: { cause: unknown }) {
    super(message, options);
    this.hint = hint;
  }
}

/** Everything that is shown of a failure. */
export interface Failure {
  message: string;
  code?: string;
  statusCode?: number;
  hint?: string;
  requestId?: string;
}

/** `action` says what was tried, e.g. `create sandbox`. */
export function describeFailure(error: unknown, action: string): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError || error instanceof CliError) return withHint({ message }, error.hint);
  const failure = withHint({ message: `failed to ${action}: ${message}` }, hintOf(error));
  if (!(error instanceof RemoteAPIError)) return failure;
  failure.statusCode = error.statusCode;
  if (error.code !== undefined) failure.code = error.code;
  if (error.requestId !== undefined) failure.requestId = error.requestId;
  return failure;
}

const withHint = (failure: Failure, hint: string | undefined): Failure =>
  hint === undefined ? failure : { ...failure, hint };

function hintOf(error: unknown): string | undefined {
  if (error instanceof RemoteAPIError && error.statusCode === 401) {
    return 'The key is not valid here. Log in with `atoll login`, or set ATOLL_API_KEY.';
  }
  // An ApiError comes from a server that runs in this process.
  return error instanceof SandboxError || error instanceof ApiError ? error.hint : undefined;
}

/** As lines for people, or as one JSON object. */
export function formatFailure(failure: Failure, json: boolean): string {
  if (json) return JSON.stringify({ error: failure });
  const request =
    failure.statusCode !== undefined && failure.statusCode >= 500 ? failure.requestId : undefined;
  return [
    `Error: ${failure.message}`,
    ...(failure.hint === undefined ? [] : [`Hint: ${failure.hint}`]),
    ...(request === undefined ? [] : [`Request: ${request}`]),
  ].join('\n');
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  return error instanceof UsageError ? exitCodes.usage : exitCodes.error;
}
