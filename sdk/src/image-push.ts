import type { DockerAuth, DockerCredentials } from './docker-config.ts';
import { SandboxError } from './errors.ts';

/** Where an image comes from: the server's own registry. */
export interface PushSource {
  baseUrl: string;
  headers: Record<string, string>;
  /** `workspace/repository`. */
  repository: string;
  digest: string;
}

export interface PushOptions {
  credentials?: DockerCredentials | undefined;
  signal?: AbortSignal | undefined;
  /** Told about each blob, after it is there. */
  onBlob?: ((blob: { digest: string; sizeBytes: number; wasThere: boolean }) => void) | undefined;
}

interface Blob {
  digest: string;
  size: number;
}

interface Manifest {
  mediaType?: string;
  config: Blob;
  layers: Blob[];
}

/** Copies an image into another registry, blob by blob in constant memory; what is there already is not sent again. */
export async function pushImage(source: PushSource, reference: string, options: PushOptions): Promise<void> {
  const target = parseTarget(reference);
  const from = `${source.baseUrl}/v2/${source.repository}`;
  const read = (path: string, accept?: string): Promise<Response> =>
    request(`${from}/${path}`, { headers: { ...source.headers, ...(accept && { accept }) } }, options.signal);
  const manifestText = await (await read(`manifests/${source.digest}`, manifestTypes)).text();
  const manifest = JSON.parse(manifestText) as Manifest; // the server keeps nothing else under this digest
  const send = await authorized(target, options);
  for (const blob of [manifest.config, ...manifest.layers]) {
    const wasThere = (await send(`blobs/${blob.digest}`, { method: 'HEAD' }, [200, 404])).status === 200;
    if (!wasThere) await pushBlob(send, blob, await read(`blobs/${blob.digest}`));
    options.onBlob?.({ digest: blob.digest, sizeBytes: blob.size, wasThere });
  }
  const headers = { 'content-type': manifest.mediaType ?? 'application/vnd.oci.image.manifest.v1+json' };
  await send(`manifests/${target.tag}`, { method: 'PUT', headers, body: manifestText }, [200, 201]);
}

const manifestTypes =
  'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';

type Send = (path: string, init: RequestInit, expected: readonly number[]) => Promise<Response>;

async function pushBlob(send: Send, { digest }: Blob, content: Response): Promise<void> {
  const begun = await send('blobs/uploads/', { method: 'POST' }, [202]);
  const location = begun.headers.get('location');
  if (location === null) throw new SandboxError('the registry does not say where to upload to');
  const at = new URL(location, begun.url);
  at.searchParams.set('digest', digest);
  const body = { body: content.body, duplex: 'half' } as RequestInit; // streams may only be sent in half duplex
  const headers = { 'content-type': 'application/octet-stream' };
  await send(at.href, { method: 'PUT', headers, ...body }, [201]);
}

interface Target {
  /** With `/v2/` and the repository. */
  url: string;
  registry: string;
  repository: string;
  tag: string;
}

function parseTarget(reference: string): Target {
  const [, path = '', tag = 'latest'] = /^(.+?)(?::([\w][\w.-]{0,127}))?$/.exec(reference) ?? [];
  const slash = path.indexOf('/');
  const first = path.slice(0, Math.max(0, slash));
  if (reference.includes('@') || !(/[.:]/.test(first) || first === 'localhost')) {
    throw new SandboxError(`${reference} names no registry to push to`, {
      hint: 'Name registry, repository and tag: ghcr.io/org/app:1.0, docker.io/org/app, localhost:5000/app.',
    });
  }
  const repository = path.slice(slash + 1);
  const registry = first === 'docker.io' ? 'registry-1.docker.io' : first;
  const isLocal = /^(?:localhost|127\.[\d.]+)(?::|$)/.test(registry);
  return { url: `${isLocal ? 'http' : 'https'}://${registry}/v2/${repository}`, registry, repository, tag };
}

/** Sends requests with what the registry asks for: nothing, a password, or a token that the password buys. */
async function authorized(target: Target, { credentials, signal }: PushOptions): Promise<Send> {
  const auth = Object.values(credentials?.auths ?? {})[0];
  const probe = await fetch(new URL('/v2/', target.url), { ...(signal && { signal }) }).catch(
    (cause: Error) => {
      throw new SandboxError(`the registry ${target.registry} cannot be reached: ${cause.message}`, {
        cause,
      });
    },
  );
  await probe.body?.cancel();
  const header =
    probe.status === 401
      ? await answerChallenge(probe.headers.get('www-authenticate') ?? '', target, auth)
      : undefined;
  return async (path, init, expected) => {
    const url = path.startsWith('http') ? path : `${target.url}/${path}`;
    // A token is for the registry, not for where it sends uploads to.
    const isThere = new URL(url).host === new URL(target.url).host;
    const headers = { ...init.headers, ...(header && isThere && { authorization: header }) };
    return request(url, { ...init, headers }, signal, expected);
  };
}

async function answerChallenge(
  challenge: string,
  { repository, registry }: Target,
  auth: DockerAuth | undefined,
): Promise<string> {
  const password = basicOf(auth);
  const field = (name: string): string | undefined => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
  const realm = field('realm');
  if (!/^bearer /i.test(challenge) || realm === undefined) {
    if (password !== undefined) return password;
    throw new SandboxError(`the registry ${registry} asks for a login`, { hint: `docker login ${registry}` });
  }
  const url = new URL(realm);
  url.searchParams.set('service', field('service') ?? registry);
  url.searchParams.set('scope', `repository:${repository}:pull,push`);
  const answer = auth?.identitytoken
    ? await request(url.href.split('?')[0] ?? realm, refresh(url, auth.identitytoken))
    : await request(url.href, { ...(password && { headers: { authorization: password } }) });
  const token = (await answer.json()) as { token?: string; access_token?: string }; // of the distribution's token protocol
  return `Bearer ${token.token ?? token.access_token ?? ''}`;
}

function refresh(url: URL, identityToken: string): RequestInit {
  const body = new URLSearchParams(url.searchParams);
  body.set('grant_type', 'refresh_token');
  body.set('refresh_token', identityToken);
  body.set('client_id', 'atoll');
  return { method: 'POST', body };
}

function basicOf(auth: DockerAuth | undefined): string | undefined {
  if (auth?.auth) return `Basic ${auth.auth}`;
  if (!auth?.username) return undefined;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password ?? ''}`).toString('base64')}`;
}

async function request(
  url: string,
  init: RequestInit,
  signal?: AbortSignal,
  expected: readonly number[] = [200],
): Promise<Response> {
  const response = await fetch(url, { ...init, ...(signal && { signal }) }).catch((cause: Error) => {
    throw signal?.aborted ? cause : new SandboxError(`${new URL(url).host}: ${cause.message}`, { cause });
  });
  if (expected.includes(response.status)) return response;
  const said = (await response.text()).slice(0, 300);
  throw new SandboxError(`${new URL(url).host} answered ${response.status}: ${said}`, {
    hint:
      response.status === 401 || response.status === 403 ? `docker login ${new URL(url).host}` : undefined,
  });
}
