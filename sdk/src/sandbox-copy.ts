import { copySandboxAnswer } from '@atoll/protocol';
import type { CopySandboxAnswer } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import { RemoteAPIError } from './errors.ts';
import { toCreateResponse } from './sandbox-info.ts';
import type { CreateSandboxResponse } from './sandbox-info.ts';

export interface CopySandboxOptions extends WaitOptions {
  /** How many copies to make. Default 1. */
  times?: number;
  /** Seconds within which they must run. Default: the request timeout of the client. */
  requestTimeout?: number;
}

export interface CopySandboxResponse {
  sourceSandboxId: string;
  /** What became of each copy: `running`, `timeout` (its start goes on), or `failed` with the reason. */
  sandboxes: CreateSandboxResponse[];
}

export const toCopyResponse = (answer: CopySandboxAnswer): CopySandboxResponse => ({
  sourceSandboxId: answer.source_sandbox_id,
  sandboxes: answer.sandboxes.map(toCreateResponse),
});

/** Copies that did not all come to run are answered 422 or 504 with the body of a success (wire 1.4). */
export function partialCopy(error: unknown): CopySandboxResponse {
  if (!(error instanceof RemoteAPIError) || (error.statusCode !== 422 && error.statusCode !== 504))
    throw error;
  const answer = copySandboxAnswer.safeParse(parseJson(error.responseBody));
  if (!answer.success) throw error;
  return toCopyResponse(answer.data);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
