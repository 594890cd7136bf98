/** Where a sandbox can be. */
export const states = ['pending', 'running', 'suspended', 'terminated', 'failed'] as const;
export type SandboxState = (typeof states)[number];
