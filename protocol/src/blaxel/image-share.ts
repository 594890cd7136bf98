/** Shares of images in the Blaxel dialect (wire 1.6). Their lists are arrays in every version. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { blaxelImage, blaxelImageParams } from './image.ts';

const tag = 'Blaxel images';

export const blaxelShareTarget = z.object({
  workspace: z.string(),
  workspaceDisplayName: z.string(),
  accountId: z.string(),
  status: z.enum(['active', 'pending']),
  pendingShareId: z.string().optional(),
});
export type BlaxelShareTarget = z.output<typeof blaxelShareTarget>;

export const blaxelPendingShare = z.object({
  id: z.string(),
  imageName: z.string(),
  resourceType: z.literal('sandbox'),
  sharedBy: z.string(),
  sourceAccountId: z.string(),
  sourceWorkspace: z.string(),
  sourceWorkspaceDisplayName: z.string(),
  targetAccountId: z.string(),
  targetWorkspace: z.string(),
  targetWorkspaceDisplayName: z.string(),
  hasConflict: z.boolean().optional(),
  createdAt: z.string(),
  expiresAt: z.string(),
});
export type BlaxelPendingShare = z.output<typeof blaxelPendingShare>;

const pendingParams = z.object({ id: z.string() });

export const listBlaxelImageShares = defineRoute({
  id: 'listBlaxelImageShares',
  method: 'GET',
  paths: ['/v0/images/{resourceType}/{name}/share'],
  summary: 'Which workspaces use an image, or are to',
  tag,
  access: 'viewer',
  params: blaxelImageParams,
  response: z.array(blaxelShareTarget),
  status: 200,
  errors: ['invalid_request', 'image_not_found'],
});

export const shareBlaxelImage = defineRoute({
  id: 'shareBlaxelImage',
  method: 'POST',
  paths: ['/v0/images/{resourceType}/{name}/share'],
  summary: 'Share an image: 200 with the image within an account, 202 with the offer to another one',
  tag,
  access: 'admin',
  params: blaxelImageParams,
  body: z.object({
    targetWorkspace: z.string().min(1).max(100),
    targetAccountId: z.string().min(1).max(100).optional(),
  }),
  response: z.union([blaxelImage, blaxelPendingShare]),
  status: 200,
  errors: ['invalid_request', 'image_not_found', 'not_found', 'conflict', 'limit_exceeded'],
});

export const unshareBlaxelImage = defineRoute({
  id: 'unshareBlaxelImage',
  method: 'DELETE',
  paths: ['/v0/images/{resourceType}/{name}/share/{target}'],
  summary: 'End a share, or take an offer back; sandboxes that run go on',
  tag,
  access: 'admin',
  params: blaxelImageParams.extend({ target: z.string() }),
  response: blaxelImage.or(z.object({})),
  status: 200,
  errors: ['invalid_request', 'not_found'],
});

export const listBlaxelPendingShares = defineRoute({
  id: 'listBlaxelPendingShares',
  method: 'GET',
  paths: ['/v0/pending-image-shares'],
  summary: 'Shares that wait for the answer of this workspace, or of another one',
  tag,
  access: 'viewer',
  query: z.object({ direction: z.enum(['incoming', 'outgoing']).default('incoming') }),
  response: z.array(blaxelPendingShare),
  status: 200,
  errors: ['invalid_request'],
});

export const acceptBlaxelShare = defineRoute({
  id: 'acceptBlaxelShare',
  method: 'POST',
  paths: ['/v0/pending-image-shares/{id}/accept'],
  summary: 'Use an image that was offered; `force` gives it the name whatever has that now',
  tag,
  access: 'admin',
  params: pendingParams,
  query: z.object({ force: z.enum(['true', 'false']).default('false') }),
  response: blaxelImage,
  status: 200,
  errors: ['not_found', 'image_not_found', 'conflict', 'share_expired'],
});

export const declineBlaxelShare = defineRoute({
  id: 'declineBlaxelShare',
  method: 'POST',
  paths: ['/v0/pending-image-shares/{id}/decline'],
  summary: 'Refuse an image that was offered',
  tag,
  access: 'admin',
  params: pendingParams,
  status: 204,
  errors: ['not_found'],
});
