import { z } from 'zod';
import { connectionError, RemoteAPIError } from '../errors.ts';

const issued = z.object({ access_token: z.string(), expires_in: z.number() });

interface Token {
  value: string;
  /** When another one is asked for: half of its life is over. */
  renewAt: number;
}

const tokens = new Map<string, Promise<Token>>();

/** A token for `ID:SECRET` of a service account, in base64, as `BL_CLIENT_CREDENTIALS` has it. One serves all who ask. */
export async function tokenOf(apiUrl: string, clientCredentials: string): Promise<string> {
  const place = `${apiUrl} ${clientCredentials}`;
  const known = await tokens.get(place);
  if (known !== undefined && Date.now() < known.renewAt) return known.value;
  const asked = ask(apiUrl, clientCredentials);
  tokens.set(place, asked);
  // What failed is asked for again.
  asked.catch(() => tokens.delete(place));
  return (await asked).value;
}

async function ask(apiUrl: string, clientCredentials: string): Promise<Token> {
  const response = await fetch(`${apiUrl}/v0/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${clientCredentials}`, 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'client_credentials' }),
  }).catch((error: unknown) => {
    throw connectionError(error);
  });
  const text = await response.text();
  if (!response.ok) throw new RemoteAPIError(response.status, text);
  const { access_token: value, expires_in: secs } = issued.parse(JSON.parse(text));
  return { value, renewAt: Date.now() + secs * 500 };
}
