import type { SandboxCall } from './blaxel-connection.ts';

/** Calls the API of one sandbox. */
export type SandboxAccess = (call: SandboxCall) => Promise<Response>;
