/** Images that other workspaces use: at once within an account, and once they accept in another one. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Image shares';

export const imageShare = z.object({
  /** The workspace that uses the image, or is to. */
  workspace: z.string(),
  accountId: z.string(),
  status: z.enum(['active', 'pending']),
  createdAt: z.number(),
  /** Of a share that waits for its answer. */
  pendingId: z.string().optional(),
});
export type ImageShare = z.output<typeof imageShare>;

export const pendingImageShare = z.object({
  id: z.string(),
  repository: z.string(),
  sourceWorkspace: z.string(),
  sourceAccountId: z.string(),
  targetWorkspace: z.string(),
  targetAccountId: z.string(),
  /** Name of the member who offered it. */
  sharedBy: z.string(),
  createdAt: z.number(),
  expiresAt: z.number(),
  /** Whether the workspace that it is for has an image of that name. Only told there. */
  hasConflict: z.boolean().optional(),
});
export type PendingImageShare = z.output<typeof pendingImageShare>;

const imageParams = z.object({ name: z.string() });
const pendingParams = z.object({ id: z.string() });

export const shareImage = defineRoute({
  id: 'shareImage',
  method: 'POST',
  paths: ['/v1/images/{name}/shares'],
  summary: 'Let another workspace use an image with all its tags, as they are at any moment',
  tag,
  access: 'admin',
  params: imageParams,
  body: z.object({
    workspace: z.string().min(1).max(100),
    /** Of a workspace of another account, whose admins have to accept. */
    accountId: z.string().min(1).max(100).optional(),
  }),
  response: imageShare,
  status: 200,
  errors: ['invalid_request', 'image_not_found', 'not_found', 'conflict', 'limit_exceeded'],
});

export const listImageShares = defineRoute({
  id: 'listImageShares',
  method: 'GET',
  paths: ['/v1/images/{name}/shares'],
  summary: 'Which workspaces use an image, or are to',
  tag,
  access: 'viewer',
  params: imageParams,
  response: z.object({ shares: z.array(imageShare) }),
  status: 200,
  errors: ['invalid_request', 'image_not_found'],
});

export const unshareImage = defineRoute({
  id: 'unshareImage',
  method: 'DELETE',
  paths: ['/v1/images/{name}/shares/{target}'],
  summary: 'End a share, or take an offer back; sandboxes that run go on',
  tag,
  access: 'admin',
  params: imageParams.extend({ target: z.string() }),
  status: 204,
  errors: ['invalid_request', 'not_found'],
});

export const listPendingImageShares = defineRoute({
  id: 'listPendingImageShares',
  method: 'GET',
  paths: ['/v1/image-shares'],
  summary: 'Shares that wait for the answer of this workspace, or of another one',
  tag,
  access: 'viewer',
  query: z.object({ direction: z.enum(['incoming', 'outgoing']).default('incoming') }),
  response: z.object({ shares: z.array(pendingImageShare) }),
  status: 200,
  errors: ['invalid_request'],
});

export const acceptImageShare = defineRoute({
  id: 'acceptImageShare',
  method: 'POST',
  paths: ['/v1/image-shares/{id}/accept'],
  summary: 'Use an image that was offered; `force` gives it the name whatever has that now',
  tag,
  access: 'admin',
  params: pendingParams,
  body: z.object({ force: z.boolean().default(false) }),
  response: z.object({ name: z.string() }),
  status: 200,
  errors: ['not_found', 'image_not_found', 'conflict', 'share_expired'],
});

export const declineImageShare = defineRoute({
  id: 'declineImageShare',
  method: 'POST',
  paths: ['/v1/image-shares/{id}/decline'],
  summary: 'Refuse an image that was offered',
  tag,
  access: 'admin',
  params: pendingParams,
  status: 204,
  errors: ['not_found'],
});
