import { readFile } from 'node:fs/promises';
import type { BlobStore } from '../blob-store.ts';
import type { LayoutImage } from '../oci-layout.ts';
import { configSchema, descriptorSchema, isManifestType, manifestSchema } from '../oci-schema.ts';
import { isMachine } from '../platform.ts';
import type { ManifestDocument } from './manifest-document.ts';

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/**
 * The image that sandboxes can start from, where a manifest is one: an image for this machine's platform with layers
 * that it can unpack. Anything else (artifacts, other platforms) is kept and served all the same.
 */
export async function readRunnable(
  document: ManifestDocument,
  blobs: BlobStore,
): Promise<LayoutImage | undefined> {
  if (!isManifestType(document.mediaType)) return undefined;
  const manifest = manifestSchema.safeParse(JSON.parse(document.bytes.toString('utf8')));
  if (!manifest.success || manifest.data.config.size > MAX_CONFIG_BYTES) return undefined;
  // A layer that is elsewhere cannot be unpacked.
  if (document.blobs.length !== manifest.data.layers.length + 1) return undefined;
  const configJson = await readFile(blobs.path(manifest.data.config.digest), 'utf8');
  const config = configSchema.safeParse(tryJson(configJson));
  if (!config.success || !isMachine(config.data)) return undefined;
  if (config.data.rootfs.diff_ids.length !== manifest.data.layers.length) return undefined;
  const { digest, mediaType, bytes } = document;
  return {
    descriptor: descriptorSchema.parse({ digest, mediaType, size: bytes.length }),
    manifest: manifest.data,
    config: config.data,
    configJson,
    blobPath: blobs.path,
  };
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
