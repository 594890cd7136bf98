import { ApiError } from '@atoll/protocol';
import { z } from 'zod';
import { parseChallenge } from './auth-challenge.ts';
import type { Challenge } from './auth-challenge.ts';
import type { Credentials } from './registry-credentials.ts';
import type { RemoteHttp, RemoteResponse } from './remote-http.ts';
import { apiHostOf } from './remote-reference.ts';

interface Options {
  http: RemoteHttp;
  /** As `RemoteReference` says it. */
  registry: string;
  /** Absent: the registry itself is asked, as for a login. */
  repository?: string;
  /** What it is about, for people. */
  shown: string;
  credentials?: Credentials;
  mayBePlain: (host: string) => boolean;
  signal: AbortSignal;
}

export type RegistrySession = ReturnType<typeof createRegistrySession>;

const MAX_TOKEN_BYTES = 1024 * 1024;
const tokenAnswer = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** Reads from another registry, mostly one repository, authenticating as it asks for. */
export function createRegistrySession(options: Options) {
  const { http, repository, credentials, signal } = options;
  const host = apiHostOf(options.registry);
  const root = `${options.mayBePlain(host) ? 'http' : 'https'}://${host}/v2/`;
  const base = new URL(repository === undefined ? root : `${root}${repository}/`);
  let authorization = credentials?.kind === 'registry-token' ? `Bearer ${credentials.token}` : undefined;
  /** Requests run in parallel; one token is enough for all that were refused together. */
  let authenticating: Promise<void> | undefined;

  const authenticate = async (
    refused: string | undefined,
    challenge: Challenge | undefined,
  ): Promise<void> => {
    if (refused !== authorization) return;
    authenticating ??= answer(options, base.host, challenge)
      .then((value) => {
        authorization = value;
      })
      .finally(() => {
        authenticating = undefined;
      });
    await authenticating;
  };
  const request = async (path: string, headers: Record<string, string>): Promise<RemoteResponse> => {
    const used = authorization;
    const auth = used === undefined ? {} : { authorization: used };
    const response = await http.send(new URL(path, base), {
      headers: { ...headers, ...auth },
      namedHost: base.host,
      signal,
    });
    if (response.head.status !== 401) return response;
    await response.discard();
    await authenticate(used, parseChallenge(response.head.headers.get('www-authenticate')));
    const retried = { ...headers, ...(authorization !== undefined && { authorization }) };
    return http.send(new URL(path, base), { headers: retried, namedHost: base.host, signal });
  };
  return {
    /** The answer when it is good. Throws what a person can act upon otherwise. */
    get: async (path: string, headers: Record<string, string> = {}): Promise<RemoteResponse> => {
      const response = await request(path, headers);
      if (response.head.ok) return response;
      await response.discard();
      throw refusal(response.head.status, options);
    },
  };
}

async function answer(
  options: Options,
  namedHost: string,
  challenge: Challenge | undefined,
): Promise<string> {
  const { credentials } = options;
  if (challenge?.scheme === 'basic' && credentials?.kind === 'password') return basic(credentials);
  if (challenge?.scheme === 'bearer')
    return `Bearer ${await fetchToken(options, namedHost, challenge.parameters)}`;
  throw refusal(401, options);
}

const basic = ({ username, password }: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/ */
async function fetchToken(
  options: Options,
  namedHost: string,
  parameters: Readonly<Record<string, string>>,
): Promise<string> {
  const { http, credentials, signal, registry, repository } = options;
  const realm = URL.canParse(parameters['realm'] ?? '') ? new URL(parameters['realm'] ?? '') : undefined;
  if (realm === undefined) throw new ApiError('registry_failed', `${registry} names no token service`);
  const scope = parameters['scope'] ?? (repository && `repository:${repository}:pull`);
  const query = {
    ...(parameters['service'] && { service: parameters['service'] }),
    ...(scope && { scope }),
  };
  const response =
    credentials?.kind === 'identity-token'
      ? await http.send(realm, {
          method: 'POST',
          namedHost,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({
            grant_type: 'refresh_token',
            refresh_token: credentials.token,
            client_id: 'atoll',
            ...query,
          }).toString(),
          signal,
        })
      : await http.send(withQuery(realm, query, credentials), {
          namedHost,
          headers: credentials?.kind === 'password' ? { authorization: basic(credentials) } : {},
          signal,
        });
  if (!response.head.ok) {
    await response.discard();
    throw refusal(response.head.status, options);
  }
  return readToken(await response.text(MAX_TOKEN_BYTES), realm);
}

function withQuery(realm: URL, query: Record<string, string>, credentials: Credentials | undefined): URL {
  const url = new URL(realm);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  if (credentials?.kind === 'password') url.searchParams.set('account', credentials.username);
  return url;
}

function readToken(body: Buffer, realm: URL): string {
  const parsed = tokenAnswer.safeParse(tryJson(body));
  const token = parsed.success ? (parsed.data.token ?? parsed.data.access_token) : undefined;
  // A header cannot hold line breaks or the like; fetch would refuse it with the token in its message.
  if (token !== undefined && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new ApiError('registry_failed', `the token service ${realm.host} gives no token`);
}

function tryJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function refusal(status: number, { registry, repository, shown, credentials }: Options): ApiError {
  if (status === 404 && repository !== undefined) {
    return new ApiError('image_not_found', `${registry} has no image ${shown}`, {
      hint: 'Check the name and the tag. Private images may look as if they did not exist: log in with `atoll registry login` or `docker login`.',
    });
  }
  if (status === 401 || status === 403) {
    return new ApiError(
      'registry_denied',
      credentials
        ? repository === undefined
          ? `${registry} does not take this name and password`
          : `${registry} does not let these credentials read ${shown}`
        : `${registry} wants credentials for ${shown}`,
    );
  }
  return new ApiError('registry_failed', `${registry} answers ${status} for ${shown}`);
}
