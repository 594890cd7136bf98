import { MAX_MANIFEST_BYTES } from '../../image/registry/manifest-document.ts';
import type { Referrer, Registry } from '../../image/registry/registry.ts';
import type { OciAccess } from './oci-access.ts';
import { cutPage, pageOf, readBody, sendJson } from './oci-request.ts';
import type { OciRequest } from './oci-request.ts';

/** GET and HEAD of a manifest by tag or digest. */
export async function sendManifest(
  registry: Registry,
  { at }: OciAccess,
  reference: string,
  { request, response }: OciRequest,
): Promise<void> {
  const { bytes, digest, mediaType } = await registry.readManifest(at, reference);
  response.writeHead(200, {
    'content-type': mediaType,
    'content-length': bytes.length,
    'docker-content-digest': digest,
    etag: `"${digest}"`,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** PUT of a manifest under a tag or a digest. */
export async function putManifest(
  registry: Registry,
  { at, name }: OciAccess,
  reference: string,
  { request, response }: OciRequest,
): Promise<void> {
  const bytes = await readBody(request, MAX_MANIFEST_BYTES);
  const put = await registry.putManifest(at, reference, bytes, request.headers['content-type']);
  response.writeHead(201, {
    location: `/v2/${name}/manifests/${put.digest}`,
    'docker-content-digest': put.digest,
    'content-length': '0',
    ...(put.subject !== undefined && { 'oci-subject': put.subject }),
  });
  response.end();
}

/** The tags of a repository, a page at a time. */
export function sendTags(registry: Registry, { at, name }: OciAccess, { response, query }: OciRequest): void {
  const page = pageOf(query);
  const tags = registry.tags(at, page.after, page.limit + 1);
  const { shown, headers } = cutPage(tags, page, `/v2/${name}/tags/list`);
  sendJson(response, { name, tags: shown }, headers);
}

/** What speaks of a manifest: signatures, attestations, bills of material; as much at a time as an index may hold. */
export function sendReferrers(
  registry: Registry,
  { at, name }: OciAccess,
  digest: string,
  { response, query }: OciRequest,
): void {
  const wanted = query.get('artifactType');
  const page = pageOf(query);
  const filter = wanted === null ? {} : { artifactType: wanted };
  const { shown, hasMore } = registry.referrers(at, digest, { ...page, ...filter });
  const next = new URLSearchParams({ ...filter, n: `${page.limit}`, last: shown.at(-1)?.digest ?? '' });
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: shown.map(toDescriptor),
  };
  sendJson(response, index, {
    'content-type': index.mediaType,
    ...(wanted !== null && { 'oci-filters-applied': 'artifactType' }),
    ...(hasMore && shown.length > 0 && { link: `</v2/${name}/referrers/${digest}?${next}>; rel="next"` }),
  });
}

function toDescriptor({ digest, mediaType, sizeBytes, artifactType, annotations }: Referrer) {
  const parsed: unknown = annotations === null ? undefined : JSON.parse(annotations);
  return {
    mediaType,
    digest,
    size: sizeBytes,
    ...(artifactType !== null && { artifactType }),
    ...(parsed !== undefined && { annotations: parsed }),
  };
}
