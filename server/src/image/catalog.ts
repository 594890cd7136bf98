import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@atoll/protocol';
import { z } from 'zod';
import { isReservedWorkspace, tryParseReference } from './image-name.ts';
import type { ImportRequest } from './import-request.ts';

const entrySchema = z.object({
  /** `tensorlake/debian-minimal`. */
  name: z.string(),
  /** Folder beside the catalog. */
  layout: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
  base: z.string(),
  substitutedFor: z.string().optional(),
  reason: z.string().optional(),
});
type CatalogEntry = z.infer<typeof entrySchema>;

const catalogSchema = z.object({ images: z.array(entrySchema) });

/** The base images that set-up has built: `<cache>/images/catalog.json` and the layouts beside it. */
export async function readCatalog(cacheDir: string): Promise<ImportRequest[]> {
  const dir = join(cacheDir, 'images');
  const file = join(dir, 'catalog.json');
  if (!existsSync(file)) {
    throw new ApiError('not_found', `no base images: ${file} is missing`, {
      hint: 'Run `make setup` to build them.',
    });
  }
  const catalog = catalogSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
  if (catalog.success) return withBuilder(catalog.data.images.map((entry) => toRequest(dir, entry)));
  const issue = catalog.error.issues[0];
  throw new ApiError('invalid_request', `${file} is invalid: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** What an entry says that was written beside a layout. */
export const parseCatalogEntry = (dir: string, entry: unknown): ImportRequest =>
  toRequest(dir, entrySchema.parse(entry));
/** What published clients start to build in needs nothing that the base has not: it is the base by another name. */
const builder = { from: 'debian-minimal', repository: 'rootfs-builder' };

function withBuilder(requests: ImportRequest[]): ImportRequest[] {
  const base = requests.find(({ repository }) => repository === builder.from);
  return base ? [...requests, { ...base, repository: builder.repository }] : requests;
}

function toRequest(dir: string, entry: CatalogEntry): ImportRequest {
  const reference = tryParseReference(entry.name);
  if (reference?.workspace === undefined || !isReservedWorkspace(reference.workspace)) {
    throw new ApiError(
      'invalid_request',
      `${entry.name} in the image catalog has no reserved workspace in front`,
    );
  }
  return {
    layoutDir: join(dir, entry.layout),
    workspaceId: reference.workspace,
    repository: reference.repository,
    tag: reference.tag,
    isPublic: true,
    base: entry.base,
    ...(entry.substitutedFor !== undefined && { substitutedFor: entry.substitutedFor }),
    ...(entry.reason !== undefined && { substitutionReason: entry.reason }),
  };
}
