import { SandboxClient } from 'tensorlake';
import type { TestServer } from '../../fixtures/server.ts';

export const optionsOf = ({ url, apiKey }: TestServer) => ({ apiUrl: url, apiKey });

/** The published client, pointed at the server. */
export const clientOf = (server: TestServer): SandboxClient => new SandboxClient(optionsOf(server), true);
