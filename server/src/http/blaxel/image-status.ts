import type { BlaxelImage } from '@atoll/protocol';
import type { Deployments } from '../../sandbox/deployments.ts';

export type FindImageStatus = (workspaceId: string, name: string) => ImageStatus | undefined;

/** How far the last build of an image is. Absent where none is remembered: it came another way. */
export interface ImageStatus {
  status: BlaxelImage['metadata']['status'];
  since: number;
}

/** The status of images, of which builds for a sandbox and for the image alone are the same thing. */
export const createImageStatus =
  ({ find }: Pick<Deployments, 'find'>): FindImageStatus =>
  (workspaceId, name) => {
    const [newest] = (['sandbox', 'image'] as const)
      .flatMap((kind) => find(workspaceId, kind, name) ?? [])
      .filter(({ status }) => status !== 'removed')
      .toSorted((one, other) => other.createdAt - one.createdAt);
    if (newest === undefined) return undefined;
    return { status: statuses[newest.status] ?? 'BUILT', since: newest.createdAt };
  };

const statuses: Partial<Record<string, ImageStatus['status']>> = {
  uploading: 'UPLOADING',
  building: 'BUILDING',
  failed: 'FAILED',
};
