import { ApiError } from '@atoll/protocol';
import type { SandboxRecord } from '../store/sandbox-store.ts';

/** Throws for a sandbox that its owner has deactivated: whoever asks, it stands still until it is activated again. */
export function requireActive({ id, deactivatedAt }: SandboxRecord): void {
  if (deactivatedAt === undefined) return;
  throw new ApiError('sandbox_not_running', `sandbox ${id} is deactivated`, {
    hint: 'Whoever may change it can enable it again.',
  });
}
