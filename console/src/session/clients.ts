import { AdminClient, BuildClient, RemoteAPIError, SandboxClient, SandboxError } from '@atoll/sdk';

/** All ways to the server. */
export interface Clients {
  apiUrl: string;
  admin: AdminClient;
  sandboxes: SandboxClient;
  builds: BuildClient;
}

/** Clients that act with the session of this browser. `onSignedOut` is told of each answer that there is none. */
export function openClients(apiUrl: string, onSignedOut: () => void): Clients {
  const onRequest = ({ status }: { status?: number }): void => {
    if (status === 401) onSignedOut();
  };
  const options = { apiUrl, session: true, onRequest };
  return {
    apiUrl,
    admin: new AdminClient(options),
    sandboxes: new SandboxClient(options),
    builds: new BuildClient(options),
  };
}

/** Whether a call failed because there is no session, or none any more. */
export const isSignedOut = (error: unknown): boolean =>
  error instanceof RemoteAPIError && error.statusCode === 401;

/** What a person reads about an error. */
export interface Told {
  message: string;
  hint?: string | undefined;
  requestId?: string | undefined;
}

/** Message, hint and request id of whatever was thrown. */
export function tell(error: unknown): Told {
  if (error instanceof RemoteAPIError)
    return {
      message: error.responseMessage || error.message,
      hint: error.hint,
      requestId: error.requestId,
    };
  if (error instanceof SandboxError) return { message: error.message, hint: error.hint };
  return { message: error instanceof Error ? error.message : String(error) };
}
