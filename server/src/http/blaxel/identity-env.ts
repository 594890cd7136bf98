import type { BlaxelSandboxSpec } from '@atoll/protocol';

type Env = Record<string, string>;

/** What programs in a sandbox of this dialect find about it (wire 2.3), unless its client declares it otherwise. */
export const identityEnv = (name: string, workspace: string): Env => ({
  // Sandboxes have no IPv6.
  HOST: '0.0.0.0',
  BL_NAME: name,
  BL_TYPE: 'sandbox',
  BL_WORKSPACE: workspace,
});

const identityNames = new Set(Object.keys(identityEnv('', '')));

/** The variables of a sandbox without what it was told about itself. */
export function ownEnv({ runtime }: BlaxelSandboxSpec, env: Readonly<Env>): Env {
  const declared = new Set(runtime?.envs?.map(({ name }) => name));
  const own = Object.entries(env).filter(([name]) => declared.has(name) || !identityNames.has(name));
  return Object.fromEntries(own);
}
