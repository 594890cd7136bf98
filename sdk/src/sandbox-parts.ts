import type { Connection } from './connection.ts';
import type { Lifecycle, RunningSandbox } from './lifecycle.ts';

/** What a handle is made of. */
export interface SandboxParts {
  sandboxId: string;
  name: string | undefined;
  sandboxUrl: string | undefined;
  lifecycle: Lifecycle;
  connection: Connection;
  /** Whether leaving an `await using` block terminates the sandbox. */
  owned: boolean;
}

/** What a handle keeps of a sandbox that was found or made. */
export const whereabouts = ({ sandboxId, name, sandboxUrl }: RunningSandbox, proxyUrl?: string) => ({
  sandboxId,
  name,
  sandboxUrl: proxyUrl ?? sandboxUrl,
});
