import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { BuildEvent } from '@atoll/protocol';
import { createLog } from '../lib/log.ts';
import { openDb } from '../store/db.ts';
import type { Db } from '../store/db.ts';
import { createDeploymentStore } from '../store/deployment-store.ts';
import type { DeclaredRequest } from './declared-sandboxes.ts';
import { createDeployments } from './deployments.ts';
import type { DeploymentsOptions } from './deployments.ts';

/** Builds that end when and how a test says. */
function standIn(db: Db) {
  const ends = new Map<string, (event: Partial<BuildEvent>) => void>();
  const cancelled: string[] = [];
  let count = 0;
  const promises = new Map<string, Promise<Partial<BuildEvent>>>();
  const builds = {
    create: () => {
      const id = `build_${(count += 1)}`;
      db.run(
        `INSERT INTO builds (id, workspace_id, status, cpus, memory_mb, builder_disk_mb, created_at)
           VALUES (?, 'w', 'waiting', 1, 1, 1, 1)`,
        id,
      );
      const { promise, resolve } = Promise.withResolvers<Partial<BuildEvent>>();
      promises.set(id, promise);
      ends.set(id, resolve);
      return { id };
    },
    upload: async () => ({}),
    events: async function* (_workspace: string, id: string) {
      yield await promises.get(id);
    },
    cancel: async (_workspace: string, id: string) => {
      cancelled.push(id);
      ends.get(id)?.({ type: 'cancelled', reason: 'cancelled' });
    },
  } as unknown as DeploymentsOptions['builds']; // what deployments use of them
  return { builds, cancelled, end: (id: string, event: Partial<BuildEvent>) => ends.get(id)?.(event) };
}

function open(db = openDb(':memory:')) {
  const stand = standIn(db);
  const started: string[] = [];
  const deployments = createDeployments({
    store: createDeploymentStore(db),
    builds: stand.builds,
    images: { tag: () => ({}) } as unknown as DeploymentsOptions['images'],
    declared: {
      deploy: async (_workspace: string, asked: DeclaredRequest) => {
        asked.onWritten?.();
        started.push(String(asked.request.image));
      },
    } as unknown as DeploymentsOptions['declared'],
    clock: { now: () => 1000 },
    log: createLog('silent'),
  });
  return { ...stand, deployments, started, db };
}

const request = (image: string): DeclaredRequest => ({
  name: 'box',
  by: 'somebody',
  declaration: { labels: {}, spec: {} },
  request: { image, limits: {} },
});
const asked = { name: 'box', source: { kind: 'upload' as const }, by: 'somebody', runOn: request };
const nothing = () => Readable.from([]);
const never = new AbortController().signal;

test('what is uploaded is built, and deployed when it is', async () => {
  const { deployments, end, started } = open();
  const { deployment, token = '' } = deployments.begin('w', asked);
  const statusOf = () => deployments.find('w', 'sandbox', 'box')?.status;
  expect(statusOf()).toBe('uploading');
  await deployments.upload(token, nothing(), never);
  expect(statusOf()).toBe('building');
  end(deployment.buildId, { type: 'succeeded' });
  await expect.poll(statusOf).toBe('deployed');
  expect(started).toEqual([expect.stringMatching(/^box:[a-z0-9]{12}$/)]);
});

test('a token is good for one upload, and none lies in the database', async () => {
  const { deployments, db } = open();
  const { token = '' } = deployments.begin('w', asked);
  expect(JSON.stringify(db.all('SELECT * FROM deployments'))).not.toContain(token);
  await deployments.upload(token, nothing(), never);
  await expect(deployments.upload(token, nothing(), never)).rejects.toMatchObject({ code: 'not_found' });
});

test('a new deployment of a name cancels the one before it, whose URL is void', async () => {
  const { deployments, cancelled } = open();
  const first = deployments.begin('w', asked);
  const second = deployments.begin('w', asked);
  expect(cancelled).toEqual([first.deployment.buildId]);
  await expect(deployments.upload(first.token ?? '', nothing(), never)).rejects.toMatchObject({
    code: 'not_found',
  });
  await deployments.upload(second.token ?? '', nothing(), never);
  expect(deployments.find('w', 'sandbox', 'box')?.id).toBe(second.deployment.id);
});

test('what was removed while it was built does not begin', async () => {
  const { deployments, end, started } = open();
  const { deployment, token = '' } = deployments.begin('w', asked);
  await deployments.upload(token, nothing(), never);
  deployments.remove('w', 'sandbox', 'box');
  end(deployment.buildId, { type: 'succeeded' });
  await deployments.close();
  expect([started, deployments.find('w', 'sandbox', 'box')?.status]).toEqual([[], 'removed']);
});

test('a failed build says why, and a server that stopped meanwhile too', async () => {
  const { deployments, end, db } = open();
  const { deployment } = deployments.begin('w', asked);
  end(deployment.buildId, {
    type: 'failed',
    failure: { code: 'x', message: 'no Dockerfile', canDebug: false },
  });
  await expect.poll(() => deployments.find('w', 'sandbox', 'box')?.error).toBe('no Dockerfile');
  deployments.begin('w', { ...asked, name: 'cut' });
  const next = open(db);
  next.deployments.open();
  const cut = next.deployments.find('w', 'sandbox', 'cut');
  expect([cut?.status, cut?.error]).toEqual(['failed', expect.stringContaining('started anew')]);
});
