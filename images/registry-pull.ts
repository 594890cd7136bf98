import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createMeter } from './oci-layout.ts';
import { SourceUnavailable } from './recipe.ts';
import type { RegistrySource } from './recipe.ts';

const ANSWER_TIMEOUT_MS = 5_000;

export interface PulledImage {
  layerFile: string;
  created: Date;
}

interface Descriptor {
  digest: string;
  size: number;
  platform?: { os: string; architecture: string };
}

const acceptedTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Pulls an image of one layer from a public registry, without credentials, checking every digest. */
export async function pullLayer(
  source: RegistrySource,
  architecture: string,
  targetDir: string,
  signal: AbortSignal,
): Promise<PulledImage> {
  const client = await openClient(source, signal);
  const index = await client.json<{ manifests?: Descriptor[] }>(`manifests/${source.tag}`);
  const chosen = index.manifests?.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture,
  );
  if (chosen === undefined)
    throw new SourceUnavailable(`${source.repository}:${source.tag} is not made for ${architecture}`);
  const manifest = await client.json<{ config: Descriptor; layers: Descriptor[] }>(
    `manifests/${chosen.digest}`,
  );
  const [layer, ...others] = manifest.layers;
  if (layer === undefined || others.length > 0) {
    throw new SourceUnavailable(
      `${source.repository}:${source.tag} has ${manifest.layers.length} layers, a base has one`,
    );
  }
  const config = await client.json<{ created: string }>(`blobs/${manifest.config.digest}`);
  const layerFile = join(targetDir, 'layer.tar');
  await client.save(layer, layerFile);
  return { layerFile, created: new Date(config.created) };
}

interface Client {
  json<T>(path: string): Promise<T>;
  save(blob: Descriptor, file: string): Promise<void>;
}

async function openClient(source: RegistrySource, signal: AbortSignal): Promise<Client> {
  const root = `${source.registry}/v2/${source.repository}`;
  const authorization = await authorize(`${root}/manifests/${source.tag}`, signal);
  const headers = { accept: acceptedTypes, ...(authorization !== undefined && { authorization }) };
  return {
    json: async <T>(path: string) => (await (await answer(`${root}/${path}`, headers, signal)).json()) as T,
    save: async (blob, file) =>
      save(await answer(`${root}/blobs/${blob.digest}`, headers, signal), blob, file, signal),
  };
}

/** A registry that wants a token says where to get one; anonymous pulls are given it. */
async function authorize(url: string, signal: AbortSignal): Promise<string | undefined> {
  const probe = await request(url, { accept: acceptedTypes }, signal);
  await probe.body?.cancel();
  if (probe.status !== 401) return undefined;
  const challenge = parseChallenge(probe.headers.get('www-authenticate') ?? '');
  const { realm, ...query } = challenge;
  if (realm === undefined) throw new SourceUnavailable(`${new URL(url).host} asks for a login`);
  const response = await answer(`${realm}?${new URLSearchParams(query)}`, {}, signal);
  const { token } = (await response.json()) as { token: string };
  return `Bearer ${token}`;
}

/** Reads the parameters of `Bearer realm="…",service="…",scope="…"`. */
export function parseChallenge(header: string): Record<string, string> {
  if (!/^bearer /i.test(header)) return {};
  return Object.fromEntries(
    [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
  );
}

async function answer(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  const response = await request(url, headers, signal);
  if (response.ok) return response;
  await response.body?.cancel();
  throw new SourceUnavailable(`${new URL(url).host} answered ${response.status}`);
}

/** The deadline is for the head of the answer; a body may take as long as the build. */
async function request(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ANSWER_TIMEOUT_MS);
  try {
    return await fetch(url, { headers, signal: AbortSignal.any([signal, late.signal]) });
  } catch (cause) {
    signal.throwIfAborted();
    throw new SourceUnavailable(`${new URL(url).host} cannot be reached`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

async function save(response: Response, blob: Descriptor, file: string, signal: AbortSignal): Promise<void> {
  if (response.body === null) throw new SourceUnavailable(`no content for ${blob.digest}`);
  const meter = createMeter();
  await pipeline(Readable.fromWeb(response.body), meter.stream, createWriteStream(file), { signal });
  const { digest } = meter.result();
  if (digest !== blob.digest)
    throw new Error(`${response.url}: digest is ${digest}, expected ${blob.digest}`);
}
