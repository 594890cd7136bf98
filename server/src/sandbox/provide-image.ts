import type { ResolvedImage } from '../image/image-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { imageHolder } from './ending.ts';

/** What the record of a sandbox says while its image is being built. */
export const unbuiltDigest = '';

/** Has the image of a new sandbox built, and writes which one it became. The signal gives up waiting, not building. */
export async function provideImage(
  context: SandboxContext,
  record: SandboxRecord,
  signal: AbortSignal,
): Promise<{ record: SandboxRecord; image: ResolvedImage }> {
  await context.images.provide(record.image, signal);
  const image = context.images.resolve(record.workspaceId, record.image);
  const { manifestDigest } = image;
  context.transaction(() => {
    if (!context.store.change(record, 'create', { manifestDigest })) {
      throw signal.reason ?? new Error(`sandbox ${record.id} is no longer being created`);
    }
    context.images.addReference(manifestDigest, imageHolder(record));
  });
  return { record: { ...record, manifestDigest }, image };
}
