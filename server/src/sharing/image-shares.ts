import { ApiError } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { requireRole } from '../tenancy/caller.ts';
import type { Caller } from '../tenancy/caller.ts';
import { createShareRecords } from './share-records.ts';
import type { PendingRow, SharedImage, ShareRecords, WorkspaceRow } from './share-records.ts';

/** An offer that nobody answered for a week is over; it is told apart from an unknown one for a month more. */
const LIFETIME_MS = 7 * 24 * 3_600_000;
const REMEMBERED_MS = 30 * 24 * 3_600_000;
/** Offers go to strangers, so the number that a workspace has open is bounded. */
const MAX_PENDING = 100;

/** A share that waits for its answer. `hasConflict` is told to the workspace that it is for alone. */
export interface PendingShare extends Omit<PendingRow, 'hasConflict'> {
  hasConflict?: boolean;
}

/** Who uses an image, or is to. */
export interface ShareTarget {
  workspace: string;
  accountId: string;
  createdAt: number;
  /** Of a share that waits. */
  pendingId?: string;
}

export type ShareOutcome =
  | { kind: 'active'; targetWorkspace: string }
  | { kind: 'pending'; pending: PendingShare };

export interface WantedShare {
  repository: string;
  targetWorkspace: string;
  /** The account of a target that is not of the caller's own account. */
  targetAccountId?: string | undefined;
}

export type ImageShares = ReturnType<typeof createImageShares>;

/**
 * Images that other workspaces may use. A share is a name alone: the target's name means the source's tags, as they are
 * at any moment, until the share ends. Within an account it holds at once; to another one it is an offer. Sandboxes that
 * run hold manifests, so the end of a share stops none.
 */
export function createImageShares({ db, clock }: { db: Db; clock: Clock }) {
  const records = createShareRecords(db);

  const offer = (image: SharedImage, target: WorkspaceRow, caller: Caller): PendingShare => {
    const now = clock.now();
    records.forgetPending(now - REMEMBERED_MS);
    const open = records.outgoing(caller.workspace.id).filter(({ expiresAt }) => expiresAt > now);
    const same = open.find(
      (one) => one.repository === image.repository && one.targetWorkspaceId === target.id,
    );
    if (same) return toPending(same);
    if (open.length >= MAX_PENDING)
      throw new ApiError('limit_exceeded', `${MAX_PENDING} shares of this workspace wait for an answer`, {
        hint: 'Take some back with `atoll image unshare`.',
      });
    const id = `share_${randomId(20)}`;
    const times = { createdAt: now, expiresAt: now + LIFETIME_MS };
    records.addPending(id, image, target.id, caller.member.id, times);
    return toPending(requirePending(records, id));
  };

  const share = (caller: Caller, wanted: WantedShare): ShareOutcome => {
    requireRole(caller, 'admin');
    const image = requireOwn(records, caller, wanted.repository);
    const target = findTarget(records, caller, wanted);
    if (records.source({ workspaceId: target.id, repository: image.repository }) === image.workspaceId)
      return { kind: 'active', targetWorkspace: target.name };
    if (target.accountId !== caller.account.id)
      return { kind: 'pending', pending: offer(image, target, caller) };
    requireFree(records, target, image.repository);
    records.add(image, target.id, caller.member.id, clock.now());
    return { kind: 'active', targetWorkspace: target.name };
  };

  /** Throws unless the share waits for an answer of the caller's workspace. */
  const requireIncoming = (caller: Caller, id: string): PendingRow => {
    requireRole(caller, 'admin');
    const pending = requirePending(records, id);
    if (pending.targetWorkspaceId !== caller.workspace.id) throw noPending(id);
    return pending;
  };

  return {
    share: (caller: Caller, wanted: WantedShare): ShareOutcome =>
      records.transaction(() => share(caller, wanted)),

    /** Ends a share or takes back an offer. The workspace that an image is shared with may end that too. */
    unshare: (caller: Caller, repository: string, targetName: string): void => {
      requireRole(caller, 'admin');
      records.transaction(() => {
        const target = records.workspace(targetName);
        if (target === undefined) throw notShared(repository, targetName);
        const image = { workspaceId: caller.workspace.id, repository: repositoryOf(repository) };
        const source = target.id === caller.workspace.id ? records.source(image) : image.workspaceId;
        const ended = source !== undefined && records.remove({ ...image, workspaceId: source }, target.id);
        const offers = records.pendingOf(image).filter((one) => one.targetWorkspaceId === target.id);
        for (const { id } of offers) records.removePending(id);
        if (!ended && offers.length === 0) throw notShared(repository, targetName);
      });
    },

    /** Who uses an image of the caller's workspace, or is to; nobody that the caller may know of for another's. */
    targets: (caller: Caller, repository: string): ShareTarget[] => {
      const image = { workspaceId: caller.workspace.id, repository: repositoryOf(repository) };
      if (records.source(image) !== undefined) return [];
      if (!records.hasImage(image)) throw noImage(repository);
      const waiting = records.pendingOf(image).filter(({ expiresAt }) => expiresAt > clock.now());
      return [
        ...records.shares(image),
        ...waiting.map((one) => ({
          workspace: one.targetWorkspace,
          accountId: one.targetAccountId,
          createdAt: one.createdAt,
          pendingId: one.id,
        })),
      ];
    },

    /** Offers to the caller's workspace, or of it, that wait for an answer. */
    pending: (caller: Caller, direction: 'incoming' | 'outgoing'): PendingShare[] =>
      records[direction](caller.workspace.id)
        .filter(({ expiresAt }) => expiresAt > clock.now())
        .map((row) => toPending(row, direction === 'incoming')),

    /** The image's name here. With `force` the name means the share from now on, whatever it meant before. */
    accept: (caller: Caller, id: string, force: boolean): string =>
      records.transaction(() => {
        const pending = requireIncoming(caller, id);
        const { repository, sourceWorkspaceId, expiresAt } = pending;
        if (expiresAt <= clock.now())
          throw new ApiError('share_expired', `the offer of ${repository} has expired`);
        const image = { workspaceId: sourceWorkspaceId, repository };
        if (!records.hasImage(image)) throw noImage(repository);
        const target = { ...caller.workspace, accountId: caller.account.id };
        if (!force) requireFree(records, target, repository);
        records.add(image, target.id, pending.sharedBy, clock.now());
        records.removePending(id);
        return repository;
      }),

    decline: (caller: Caller, id: string): void =>
      records.transaction(() => records.removePending(requireIncoming(caller, id).id)),
  };
}

/** A share is of all tags, so none is named. */
function repositoryOf(name: string): string {
  const [repository = '', tag] = name.replace(/^sandbox\//, '').split(':', 2);
  if (tag === undefined) return repository;
  throw new ApiError(
    'invalid_request',
    `sharing a specific tag is not supported, remove ':${tag}' from the reference`,
  );
}

function requireOwn(records: ShareRecords, caller: Caller, name: string): SharedImage {
  const image = { workspaceId: caller.workspace.id, repository: repositoryOf(name) };
  if (records.source(image) !== undefined)
    throw new ApiError('invalid_request', `${name} is shared with this workspace, which cannot share it on`, {
      hint: 'Ask the workspace that owns the image.',
    });
  if (!records.hasImage(image)) throw noImage(name);
  return image;
}

/**
 * The workspace of the caller's own account, or of the one that it names. Others are not told apart from missing ones:
 * a name that is refused says nothing about who is on this server.
 */
function findTarget(
  records: ShareRecords,
  caller: Caller,
  { targetWorkspace, targetAccountId }: WantedShare,
): WorkspaceRow {
  const found = records.workspace(targetWorkspace);
  const accountId = targetAccountId ?? caller.account.id;
  if (found?.id === caller.workspace.id)
    throw new ApiError('invalid_request', 'an image cannot be shared with its own workspace');
  if (found?.accountId === accountId) return found;
  if (accountId !== caller.account.id)
    throw new ApiError('invalid_request', `no workspace ${targetWorkspace} in that account`);
  throw new ApiError('not_found', `no workspace ${targetWorkspace} in this account`, {
    hint: 'For a workspace of another account name that account too.',
  });
}

function requireFree(records: ShareRecords, target: WorkspaceRow, repository: string): void {
  const at = { workspaceId: target.id, repository };
  if (!records.hasImage(at) && records.source(at) === undefined) return;
  throw new ApiError('conflict', `workspace ${target.name} has an image ${repository} already`, {
    hint: 'Accept an offer with force, or share the image under another name.',
  });
}

function requirePending(records: ShareRecords, id: string): PendingRow {
  const pending = records.pending(id);
  if (pending === undefined) throw noPending(id);
  return pending;
}

const toPending = ({ hasConflict, ...row }: PendingRow, isIncoming = false): PendingShare => ({
  ...row,
  ...(isIncoming && { hasConflict: hasConflict === 1 }),
});

const noPending = (id: string): ApiError =>
  new ApiError('not_found', `no share ${id.slice(0, 80)} waits for this workspace`);
const notShared = (repository: string, target: string): ApiError =>
  new ApiError('not_found', `${repository.slice(0, 80)} is not shared with ${target.slice(0, 80)}`);
const noImage = (name: string): ApiError =>
  new ApiError('image_not_found', `no image ${JSON.stringify(name.slice(0, 80))} of this workspace`);
