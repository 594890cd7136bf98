import { spawnSync } from 'node:child_process';
import { controlRoutes } from '@atoll/protocol';
import type { Route } from '@atoll/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, open } from '../fixtures/api.ts';
import type { Target } from '../fixtures/api.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';
import { ask, furnish, makeTenant } from './tenant/possession.ts';
import type { Possession, Tenant } from './tenant/possession.ts';

const SETUP_TIMEOUT_MS = 120_000;
/** No refusal takes longer, on the busiest machine. */
const PATIENCE_MS = 20_000;

/** Which of somebody's possessions a parameter names, by what stands before it in the path. */
const owners: Readonly<Record<string, keyof Possession>> = {
  'sandboxes/{id}': 'sandbox',
  'sandbox/{id}': 'sandbox',
  'sandboxes/{name}': 'sandboxName',
  'by-external-id/{externalId}': 'externalId',
  'archived-sandboxes/{id}': 'sandbox',
  'sandbox-pools/{id}': 'pool',
  'snapshots/{id}': 'snapshot',
  'snapshots/{snapshot}': 'snapshot',
  'previews/{preview}': 'preview',
  'tokens/{token}': 'token',
  'schedules/{schedule}': 'schedule',
  'file-systems/{id}': 'volume',
  'file-system-snapshots/{id}': 'volume',
  'volumes/{name}': 'volumeName',
  'drives/{name}': 'drive',
  'volume_templates/{name}': 'volumeTemplate',
  'images/{name}': 'image',
  'images/{resourceType}/{name}': 'image',
  'sandbox-images/{name}': 'image',
  'by-name/{name}': 'image',
  'sandbox-templates/{id}': 'image',
  'sandbox-template-builds/{id}': 'build',
  'builds/{id}': 'build',
  'secrets/{id}': 'secret',
  'service_accounts/{clientId}': 'client',
  'api_keys/{keyId}': 'clientKey',
  'keys/{id}': 'key',
  'ssh-keys/{id}': 'sshKey',
  'members/{memberId}': 'guest',
  'users/{subOrEmail}': 'guest',
  'pending-image-shares/{id}': 'offer',
  'image-shares/{id}': 'offer',
  'registries/{registry}': 'registry',
};
/** What is the same whoever owns it. */
const fixed: Readonly<Record<string, string>> = {
  '{resourceType}': 'sandbox',
  '{tag}': 'latest',
  '{mountPath}': 'mnt%2Fa',
  '{rest}': 'latest',
  '{target}': 'default',
  '{userCode}': 'BBBB-BBBB',
  'network-openings/{name}': 'network-openings/victim',
  'workspaces/{id}': 'workspaces/victim',
};

function fill(path: string, { name, organization, project }: Tenant, owned: Possession): string {
  const places = { '{ns}': name, '{workspace}': name, '{organization}': organization, '{project}': project };
  const named = Object.entries(owners).reduce(
    (filled, [place, owner]) =>
      filled.replaceAll(place, place.replace(/\{\w+\}$/, encodeURIComponent(owned[owner] ?? owner))),
    path,
  );
  const full = Object.entries({ ...fixed, ...places }).reduce(
    (filled, [place, value]) => filled.replaceAll(place, value),
    named,
  );
  if (full.includes('{')) throw new Error(`say in this test what ${path} names`);
  return full;
}

const closed = controlRoutes.filter(({ access }) => access !== 'public');
const each = closed.flatMap((route) => route.paths.map((path) => ({ route, path })));
const parameters = ({ path }: { path: string }): string[] =>
  (path.match(/\{\w+\}/g) ?? []).filter(
    (name) => !/ns|workspace|organization|project|resourceType/.test(name),
  );

/** Fields that any of the routes wants: what is refused is refused for its owner, not for its form. */
const anyBody = {
  name: 'stolen',
  request: 'stolen',
  role: 'member',
  metadata: { name: 'stolen' },
  spec: { port: 3000 },
  type: 'cron',
  value: '0 0 1 1 *',
  input: { command: 'true' },
  targetName: 'stolen',
  targetWorkspace: 'stranger',
  workspace: 'stranger',
  file_system_id: 'stolen',
  mount_path: '/mnt/stolen',
  driveName: 'stolen',
  mountPath: '/mnt/stolen',
  max_containers: 1,
  warm_containers: 0,
  image: 'stolen',
  description: 'stolen',
  ranges: [],
  snapshot_id: 'stolen',
};

describeOnUsualDriver(
  'another workspace',
  (server) => {
    let victim: Tenant;
    let stranger: Tenant;
    let owned: Possession;
    let secrets: string[];

    beforeAll(async () => {
      [victim, stranger] = [await makeTenant(server(), 'victim'), await makeTenant(server(), 'stranger')];
      ({ owned, secrets } = await furnish(server(), victim));
    }, SETUP_TIMEOUT_MS);
    // The server's own clean-up ends what is in its default workspace.
    afterAll(async () => {
      await call(victim, '/v0/sandboxes/victims-box', { method: 'DELETE' });
      await call(victim, `/sandbox-pools/${owned['pool']}`, { method: 'DELETE' });
    }, SETUP_TIMEOUT_MS);

    const lists = each.filter(
      (one) =>
        one.route.method === 'GET' &&
        parameters(one).length === 0 &&
        !/^(streamEvents|streamUsage|streamServerStatus|metrics|openApi)$/.test(one.route.id),
    );
    const listPath = (path: string, tenant: Tenant): string =>
      `${fill(path, tenant, owned)}${path.includes('observability') ? '?workloadIds=victims-upload' : ''}`;

    /** All that the victim's own lists show, without what reading them changes; its sandbox does not stand by meanwhile. */
    const stateOf = async (): Promise<unknown[]> => {
      const shown = lists.filter(({ route }) => !/^(listAudit|whoami)$/.test(route.id));
      const answers = await Promise.all(shown.map(({ path }) => call(victim, listPath(path, victim))));
      return answers.map(({ body }) =>
        JSON.stringify(body).replaceAll(/"lastUsedAt":\d+,?|"request_id":"\w+"/g, ''),
      );
    };

    const answersOf = async (
      target: Target,
      asked: { route: Route; path: string }[],
      headers: Readonly<Record<string, string>>,
      owner: Tenant,
    ): Promise<string[]> => {
      const answers: string[] = [];
      for (const { route, path } of asked) {
        const body = route.body === undefined ? undefined : anyBody;
        const signal = AbortSignal.timeout(PATIENCE_MS);
        const options = { method: route.method, headers, signal, ...(body && { body }) };
        const status = await open(target, fill(path, owner, owned), options).then(
          (answer) => answer.resume().statusCode,
          () => 'no answer',
        );
        answers.push(`${status} ${route.id}`);
      }
      return answers;
    };
    const isRefusal = (answer: string): boolean => /^40[34] /.test(answer);

    test('is entered by none of its addresses, with a key or with a token', async () => {
      const before = await stateOf();
      const headers = { 'x-blaxel-workspace': victim.name, 'x-forwarded-project-id': victim.project };
      const byToken = await answersOf({ ...stranger, apiKey: stranger.personal }, each, headers, victim);
      expect(byToken.filter((answer) => !isRefusal(answer))).toEqual([]);
      const addressed = each.filter(({ path }) => /\{(ns|workspace|organization)\}|^\/v0/.test(path));
      const byKey = await answersOf(stranger, addressed, headers, victim);
      expect(byKey.filter((answer) => !isRefusal(answer))).toEqual([]);
      expect(await stateOf()).toEqual(before);
    });

    test('has nothing that is reached by its id or name from elsewhere', async () => {
      const before = await stateOf();
      // Snapshots outlive their file system, so a list of those of one that is not there is empty.
      const naming = each.filter(
        (one) => parameters(one).length > 0 && one.route.id !== 'listFileSystemSnapshots',
      );
      const answers = await answersOf(stranger, naming, {}, stranger);
      expect(answers.filter((answer) => !isRefusal(answer))).toEqual([]);
      expect(await stateOf()).toEqual(before);
    });

    test('lends nothing to what is made elsewhere', async () => {
      const before = await stateOf();
      const at = { image: 'tensorlake/debian-minimal' };
      const spec = (more: object) => ({ metadata: { name: 'mine' }, spec: { runtime: at, ...more } });
      const asked: [string, object][] = [
        ['/sandboxes', { snapshot_id: owned['snapshot'] }],
        ['/sandboxes', { image: 'victims-image' }],
        ['/sandboxes', { image: 'victim/victims-image' }],
        ['/sandboxes', { ...at, secret_names: [owned['secret']] }],
        ['/sandboxes', { ...at, file_systems: [{ file_system_id: owned['volume'], mount_path: '/mnt/a' }] }],
        ['/sandbox-pools', { image: 'victims-image', max_containers: 1, warm_containers: 0 }],
        ['/platform/v1/file-systems', { name: 'mine', size_mb: 64, snapshot_id: owned['volume'] }],
        ['/platform/v1/sandbox-templates', { name: 'mine', snapshotId: owned['snapshot'] }],
        [
          '/v0/sandboxes',
          { metadata: { name: 'mine' }, spec: { runtime: { image: 'sandbox/victims-image' } } },
        ],
        ['/v0/sandboxes', spec({ volumes: [{ name: 'victims-volume', mountPath: '/mnt/a' }] })],
        ['/v0/volumes', { metadata: { name: 'mine' }, spec: { template: 'victims-template' } }],
        ['/v0/snapshots', { source: { kind: 'sandbox', name: 'victims-box' } }],
        ['/v1/keys', { name: 'mine', memberId: victim.member }],
        ['/v1/workspaces/stranger/members', { memberId: victim.member, role: 'admin' }],
      ];
      const answers = await Promise.all(asked.map(([path, body]) => call(stranger, path, { body })));
      const admitted = answers.filter(({ status }) => status < 400 || status >= 500).map(({ body }) => body);
      expect(admitted).toEqual([]);
      expect(await stateOf()).toEqual(before);
    });

    test('shows nothing of itself in lists, and its ports and previews to nobody', async () => {
      const marks = [...Object.values(owned).filter((one) => one !== 'latest'), ...secrets];
      // The audit record holds what its own workspace has tried.
      for (const { route, path } of lists.filter((one) => one.route.id !== 'listAudit')) {
        const { body } = await call(stranger, listPath(path, stranger));
        const text = JSON.stringify(body);
        expect({ [route.id]: marks.filter((mark) => text.includes(mark)) }).toEqual({ [route.id]: [] });
      }
      const byAddress = [
        `/victim/sandboxes/victims-box/process`,
        `/victim/sandboxes/victims-box/port/3000/`,
        `/stranger/sandboxes/victims-box/process`,
        `/ports/${owned['sandbox']}/3000/`,
        `/ports/${owned['sandbox']}/9501/api/v1/health`,
        `/v2/victim/victims-image/manifests/latest`,
      ];
      const snapshots = `/platform/v1/file-systems/${owned['volume']}/snapshots`;
      expect((await call(stranger, snapshots)).body).toEqual({ items: [] });
      for (const path of byAddress)
        expect((await call(stranger, path)).status, path).toBeOneOf([401, 403, 404]);
    });

    test('and its own lists tell no secret again', async () => {
      const tokens = 'listBlaxelPreviewTokens';
      const shown = each.filter(({ route }) => route.method === 'GET' && route.responseKind !== 'stream');
      const answers = await Promise.all(
        shown.map(async ({ route, path }) => {
          const { body } = await call(victim, listPath(path, victim));
          return { id: route.id, found: secrets.filter((secret) => JSON.stringify(body).includes(secret)) };
        }),
      );
      expect(answers.filter(({ id, found }) => found.length > 0 && id !== tokens)).toEqual([]);
    });

    test('leaves its credentials neither in the log nor on the disk', async () => {
      await ask(victim, '/v1/whoami');
      const log = server().log.join('\n');
      expect(secrets.filter((secret) => log.includes(secret))).toEqual([]);
      const args = ['-rhaoF', '--exclude-dir=blobs', '--exclude-dir=layers', '-f', '-', server().dataDir];
      const input = ['victims-box', ...secrets].join('\n');
      const { stdout } = spawnSync('grep', args, { input, encoding: 'utf8' });
      expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['victims-box']));
    });
  },
  { args: ['--standby-after', '600'] },
);
