import { endSession, openSession } from '@atoll/protocol';
import { createConnection } from './connection.ts';
import type { WaitOptions } from './call-options.ts';

/**
 * Gives this browser a session in the place of a key: a cookie that no page can read, which clients with the option
 * `session` then use. Resolves with how long it lasts, in seconds.
 */
export async function openBrowserSession(
  { apiUrl, apiKey }: { apiUrl: string; apiKey: string },
  options: WaitOptions = {},
): Promise<number> {
  const server = await createConnection({ apiUrl, apiKey, session: true }).server();
  return (await server.call(openSession, {}, options)).lastsSecs;
}

/** Ends the session of this browser. */
export async function endBrowserSession(apiUrl: string, options: WaitOptions = {}): Promise<void> {
  const server = await createConnection({ apiUrl, session: true }).server();
  await server.call(endSession, {}, options);
}
