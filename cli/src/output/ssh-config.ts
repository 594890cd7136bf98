import type { SandboxInfo } from '@atoll/sdk';

/**
 * The part of `~/.ssh/config` that reaches a sandbox, for `ssh` and editors that build on it. The user name is the id:
 * a name may exist in several workspaces.
 */
export function formatSshConfig({ sandboxId, name, ssh }: SandboxInfo, apiUrl: string): string | undefined {
  if (ssh === undefined) return undefined;
  const host = new URL(apiUrl).hostname.replace(/^\[|\]$/g, '');
  return [
    `Host ${name ?? sandboxId}`,
    `    HostName ${host}`,
    `    Port ${ssh.port}`,
    `    User ${sandboxId}`,
    `    # ${ssh.hostKeyFingerprint} is the key of the host`,
  ].join('\n');
}
