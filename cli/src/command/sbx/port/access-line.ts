import type { SandboxInfo } from '@atoll/sdk';

/** Who may reach the ports of a sandbox. */
export const accessLine = ({ allowUnauthenticatedAccess }: SandboxInfo): string =>
  `Unauthenticated access ${allowUnauthenticatedAccess ? 'enabled' : 'disabled'}`;
