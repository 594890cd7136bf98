import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tarball, writeLayout } from '../../../test/fixtures/image-layout.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { createLog } from '../lib/log.ts';
import type { ImagePlace } from '../image/image-lists.ts';
import { openImageStore } from '../image/image-store.ts';
import { openDb } from '../store/db.ts';
import { createTenancy } from '../tenancy/tenancy.ts';
import { createImageShares } from './image-shares.ts';

const DAY_MS = 24 * 3_600_000;

/** `home` and `prod` are of one account, `partner` of another. */
async function open() {
  let now = 1_000_000_000_000;
  const clock = { now: () => now };
  const dir = await tempDir();
  const db = openDb(join(dir, 'db'));
  const tenancy = createTenancy({ db, clock });
  const accountOf = (name: string) =>
    tenancy.addAccount({ name, workspace: name, ownerName: 'Owner' }).apiKey;
  const [home, partner] = [accountOf('home'), accountOf('partner')].map((key) =>
    tenancy.authenticator.authenticate(key),
  );
  if (!home || !partner) throw new Error('an account is missing');
  const owner = tenancy.keys.create(home, { name: 'everywhere', kind: 'personal' }).value;
  tenancy.accounts.createWorkspace(home, 'prod');
  const prod = tenancy.authenticator.authenticate(owner, 'prod');
  const images = await openImageStore({
    db,
    dataDir: join(dir, 'data'),
    log: createLog('silent'),
    canUnpack: false,
    now: clock.now,
  });
  onTestFinished(async () => {
    await images.closeAll();
    db.close();
  });
  let layoutCount = 0;
  /** Names a new image. */
  const push = async (
    workspaceId: string,
    repository: string,
    tag = 'latest',
    isPublic = false,
  ): Promise<string> => {
    const layoutDir = join(dir, `layout-${++layoutCount}`);
    await writeLayout(layoutDir, { layers: [{ tar: tarball([{ path: `${layoutCount}` }]) }] });
    await images.importLayout({ layoutDir, workspaceId, repository, tag, isPublic });
    return images.describe(workspaceId, `${repository}:${tag}`).digest;
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { tenancy, images, push, pass, home, prod, partner, shares: createImageShares({ db, clock }) };
}

const to = (targetWorkspace: string, targetAccountId?: string) => ({
  repository: 'app',
  targetWorkspace,
  ...(targetAccountId !== undefined && { targetAccountId }),
});
const failing = (code: string) => expect.objectContaining({ code });

test('a workspace of the same account has the image at once, with the tags that come later', async () => {
  const { shares, images, push, home, prod } = await open();
  const first = await push(home.workspace.id, 'app');
  expect(shares.share(home, to('prod')).kind).toBe('active');
  expect(images.resolve(prod.workspace.id, 'app').manifestDigest).toBe(first);
  const second = await push(home.workspace.id, 'app', 'v2');
  expect(images.resolve(prod.workspace.id, 'app:v2').manifestDigest).toBe(second);
  expect(images.lists.page(prod.workspace.id).images).toMatchObject([
    { name: 'app', sharedFrom: 'home' },
    { name: 'app:v2', sharedFrom: 'home' },
  ]);
  expect(shares.targets(home, 'app')).toMatchObject([{ workspace: 'prod' }]);
  shares.unshare(home, 'app', 'prod');
  expect(() => images.resolve(prod.workspace.id, 'app')).toThrow('image not found');
  expect(() => shares.unshare(home, 'app', 'prod')).toThrow(failing('not_found'));
});

test('who uses a shared image neither shares, names, replaces nor removes it', async () => {
  const { shares, images, push, home, prod } = await open();
  await push(home.workspace.id, 'app');
  shares.share(home, to('prod'));
  expect(() => shares.share(prod, to('home'))).toThrow(failing('invalid_request'));
  expect(() => images.tag(prod.workspace.id, 'app', 'mine')).toThrow(failing('forbidden'));
  expect(() => images.remove(prod.workspace.id, 'app')).toThrow(failing('forbidden'));
  await expect(push(prod.workspace.id, 'app', 'v9')).rejects.toThrow(failing('conflict'));
  expect(shares.targets(prod, 'app')).toEqual([]);
  shares.unshare(prod, 'app', 'prod');
  await push(prod.workspace.id, 'app', 'v9');
});

test('an image stays while it is shared, also from pruning', async () => {
  const { shares, images, push, pass, home, prod } = await open();
  const digest = await push(home.workspace.id, 'app');
  shares.share(home, to('prod'));
  const { id } = images.describe(home.workspace.id, 'app');
  for (const ref of ['app', id])
    expect(() => images.remove(home.workspace.id, ref)).toThrow(failing('image_in_use'));
  const at = { workspaceId: home.workspace.id, repository: 'app' };
  for (const ref of ['latest', digest])
    expect(() => images.registry.removeManifest(at, ref)).toThrow(failing('image_in_use'));
  pass(365 * DAY_MS);
  await images.prune({ olderThanMs: 0 });
  expect(images.resolve(prod.workspace.id, 'app').manifestDigest).toBe(digest);
  shares.unshare(home, 'app', 'prod');
  images.remove(home.workspace.id, 'app');
});

test('another account decides for itself', async () => {
  const { shares, images, push, home, partner } = await open();
  const digest = await push(home.workspace.id, 'app');
  const made = shares.share(home, to('partner', partner.account.id));
  expect(shares.share(home, to('partner', partner.account.id))).toEqual(made);
  expect(() => images.resolve(partner.workspace.id, 'app')).toThrow('image not found');
  const [waiting] = shares.pending(partner, 'incoming');
  expect(waiting).toMatchObject({ sourceWorkspace: 'home', sharedByName: 'Owner', hasConflict: false });
  expect(shares.pending(home, 'outgoing')[0]).not.toHaveProperty('hasConflict');
  const id = waiting?.id ?? '';
  expect(() => shares.accept(home, id, false)).toThrow(failing('not_found'));
  expect(() => shares.accept({ ...partner, role: 'member' }, id, false)).toThrow(failing('forbidden'));
  expect(shares.accept(partner, id, false)).toBe('app');
  expect(images.resolve(partner.workspace.id, 'app').manifestDigest).toBe(digest);
  expect(() => shares.accept(partner, id, false)).toThrow(failing('not_found'));
});

test('an offer is declined, taken back, or expires', async () => {
  const { shares, push, pass, home, partner } = await open();
  await push(home.workspace.id, 'app');
  const offer = (): string => {
    const made = shares.share(home, to('partner', partner.account.id));
    return made.kind === 'pending' ? made.pending.id : '';
  };
  const declined = offer();
  shares.decline(partner, declined);
  expect(() => shares.accept(partner, declined, false)).toThrow(failing('not_found'));
  const withdrawn = offer();
  shares.unshare(home, 'app', 'partner');
  expect(() => shares.decline(partner, withdrawn)).toThrow(failing('not_found'));
  const late = offer();
  pass(8 * DAY_MS);
  expect(shares.pending(partner, 'incoming')).toEqual([]);
  expect(() => shares.accept(partner, late, true)).toThrow(failing('share_expired'));
  const again = offer();
  expect(shares.accept(partner, again, false)).toBe('app');
});

test('a name that is taken is refused; by force it means the share until that ends', async () => {
  const { shares, images, push, home, prod, partner } = await open();
  const shared = await push(home.workspace.id, 'app');
  const own = await push(partner.workspace.id, 'app');
  await push(prod.workspace.id, 'app');
  expect(() => shares.share(home, to('prod'))).toThrow(failing('conflict'));
  const made = shares.share(home, to('partner', partner.account.id));
  const id = made.kind === 'pending' ? made.pending.id : '';
  expect(shares.pending(partner, 'incoming')).toMatchObject([{ hasConflict: true }]);
  expect(() => shares.accept(partner, id, false)).toThrow(failing('conflict'));
  shares.accept(partner, id, true);
  expect(images.resolve(partner.workspace.id, 'app').manifestDigest).toBe(shared);
  expect(images.lists.page(partner.workspace.id).images).toMatchObject([{ name: 'app', digest: shared }]);
  shares.unshare(home, 'app', 'partner');
  expect(images.resolve(partner.workspace.id, 'app').manifestDigest).toBe(own);
});

test('only admins share, an image of their own, with a workspace that they can name', async () => {
  const { shares, push, home, partner } = await open();
  await push(home.workspace.id, 'app');
  const sharing = (wanted: object) => () => shares.share(home, { ...to('prod'), ...wanted });
  expect(() => shares.share({ ...home, role: 'member' }, to('prod'))).toThrow(failing('forbidden'));
  expect(sharing({ repository: 'app:v1' })).toThrow("remove ':v1' from the reference");
  expect(sharing({ repository: 'other' })).toThrow(failing('image_not_found'));
  expect(sharing({ targetWorkspace: 'home' })).toThrow(failing('invalid_request'));
  expect(sharing({ targetWorkspace: 'partner' })).toThrow(failing('not_found'));
  expect(sharing({ targetWorkspace: 'nobody' })).toThrow(failing('not_found'));
  const foreign = { targetAccountId: partner.account.id };
  const refused = { code: 'invalid_request', message: expect.stringContaining('in that account') };
  for (const targetWorkspace of ['prod', 'nobody'])
    expect(sharing({ ...foreign, targetWorkspace })).toThrow(expect.objectContaining(refused));
});

test('pages of a list have each image once: own, then shared and public ones, whatever the size of a page', async () => {
  const { shares, images, push, home, prod, partner } = await open();
  for (const [workspace, repository, tag, isPublic] of [
    [prod, 'b', 'latest', false],
    [prod, 'b', 'v1', false],
    [prod, 'z', 'latest', true],
    [home, 'app', 'latest', false],
    [home, 'app', 'v2', false],
    [home, 'private', 'latest', false],
    [partner, 'b', 'public', true],
    [partner, 'other', 'latest', false],
  ] as const)
    await push(workspace.workspace.id, repository, tag, isPublic);
  shares.share(home, to('prod'));
  const { id } = prod.workspace;
  const read = (limit: number, withoutPublic: boolean): string[] => {
    const names: string[] = [];
    for (let after: ImagePlace | undefined; ;) {
      const page = images.lists.page(id, { limit, withoutPublic, ...(after && { after }) });
      expect(page.images.length).toBeLessThanOrEqual(limit);
      names.push(...page.images.map(({ name }) => name));
      if (!page.next) return names;
      after = page.next;
    }
  };
  const own = ['b', 'b:v1', 'z'];
  for (const limit of [1, 2, 3, 4, 5, 100]) {
    expect(read(limit, false)).toEqual([...own, 'app', 'app:v2', 'b:public']);
    expect(read(limit, true)).toEqual([...own, 'app', 'app:v2']);
  }
  expect(images.lists.count(id)).toBe(5);
  expect(images.lists.repositories(id)).toEqual(['app', 'b', 'z']);
  expect(images.lists.repositories(id, { after: 'app', limit: 1 })).toEqual(['b']);
  expect(images.lists.repositoryCount(id)).toBe(3);
  expect(images.lists.repository(id, 'app').map(({ name }) => name)).toEqual(['app', 'app:v2']);
  expect(images.lists.repository(id, 'private')).toEqual([]);
});
