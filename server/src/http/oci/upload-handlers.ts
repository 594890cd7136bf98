import type { ServerResponse } from 'node:http';
import { tryParseDigest } from '../../image/digest.ts';
import type { Registry } from '../../image/registry/registry.ts';
import { RegistryError } from '../../image/registry/registry-error.ts';
import type { OciAccess, OciGate } from './oci-access.ts';
import { bodyOf, hasBody } from './oci-request.ts';
import type { OciRequest } from './oci-request.ts';

interface Context {
  registry: Registry;
  gate: OciGate;
  access: OciAccess;
}

/** POST: mounts a blob, takes a whole one, or begins an upload. */
export async function beginUpload({ registry, gate, access }: Context, oci: OciRequest): Promise<void> {
  const { request, response, query } = oci;
  const mount = query.get('mount');
  const from = query.get('from');
  if (mount !== null && from !== null && tryParseDigest(mount)) {
    const source = gate.source(request, from);
    if (source && registry.mountBlob(access.at, source, mount)) return created(response, access, mount);
  }
  const digest = query.get('digest');
  if (digest !== null) verifyDigest(digest);
  const { id } = await registry.beginUpload(access.at);
  if (digest === null) return accepted(response, access, id, 0);
  await appendAll(registry, access, id, oci);
  await registry.finishUpload(access.at, id, digest);
  created(response, access, digest);
}

/** PATCH: the next chunk, or everything at once. */
export async function appendChunk({ registry, access }: Context, id: string, oci: OciRequest): Promise<void> {
  const upload = await appendAll(registry, access, id, oci);
  accepted(oci.response, access, id, upload.sizeBytes);
}

/** PUT: the last chunk, if any, and the digest of the whole. */
export async function finishUpload(
  { registry, access }: Context,
  id: string,
  oci: OciRequest,
): Promise<void> {
  registry.findUpload(access.at, id);
  const digest = oci.query.get('digest') ?? '';
  verifyDigest(digest);
  if (hasBody(oci.request)) await appendAll(registry, access, id, oci);
  await registry.finishUpload(access.at, id, digest);
  created(oci.response, access, digest);
}

/** GET: how far the upload got. */
export function sendUploadStatus({ registry, access }: Context, id: string, { response }: OciRequest): void {
  const { sizeBytes } = registry.findUpload(access.at, id);
  response.writeHead(204, progressHeaders(access, id, sizeBytes)).end();
}

const appendAll = (registry: Registry, access: OciAccess, id: string, { request }: OciRequest) =>
  registry.append(access.at, id, bodyOf(request), startOf(request.headers));

/** Where a chunk begins, by `Content-Range: <start>-<end>`. */
function startOf(headers: NodeJS.Dict<string | string[]>): number | undefined {
  const header = headers['content-range'];
  if (header === undefined) return undefined;
  const [, start, end] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/.*)?$/.exec(String(header)) ?? [];
  const lengthBytes = Number(end) - Number(start) + 1;
  const isEmpty = Number(headers['content-length'] ?? Number.NaN) === 0;
  if (start === undefined || lengthBytes < 1)
    throw new RegistryError('blob_upload_invalid', 'the Content-Range is not `<start>-<end>`');
  const announced = headers['content-length'];
  if (!isEmpty && announced !== undefined && Number(announced) !== lengthBytes)
    throw new RegistryError('size_invalid', 'the Content-Range and the Content-Length do not agree');
  return Number(start);
}

function verifyDigest(digest: string): void {
  if (tryParseDigest(digest)) return;
  throw new RegistryError('digest_invalid', `not a sha256 or sha512 digest: ${digest.slice(0, 200)}`);
}

/** Where an upload goes on, for answers and for the error of a chunk in the wrong place. */
export const progressHeaders = ({ name }: OciAccess, id: string, sizeBytes: number) => ({
  location: `/v2/${name}/blobs/uploads/${id}`,
  range: `0-${Math.max(0, sizeBytes - 1)}`,
  'docker-upload-uuid': id,
  'content-length': '0',
});

function accepted(response: ServerResponse, access: OciAccess, id: string, sizeBytes: number): void {
  response.writeHead(202, progressHeaders(access, id, sizeBytes)).end();
}

function created(response: ServerResponse, { name }: OciAccess, digest: string): void {
  const location = `/v2/${name}/blobs/${digest}`;
  response.writeHead(201, { location, 'docker-content-digest': digest, 'content-length': '0' }).end();
}
