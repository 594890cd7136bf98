import { expect, test } from 'vitest';
import { z } from 'zod';
import { blaxelHubImage, blaxelImage } from '@atoll/protocol';
import type { TestServer } from '../../fixtures/server.ts';
import { call, create, declarationOf, IMAGE } from './calls.ts';

/** Images (wire 1.6): repositories of the workspace with their tags. */
export function testImages(server: () => TestServer): void {
  const tagImage = async (name: string): Promise<void> => {
    const body = JSON.stringify({ name });
    const answer = await server().fetch(`/v1/images/${encodeURIComponent(`tensorlake/${IMAGE}`)}/tags`, {
      method: 'POST',
      body,
    });
    expect([answer.status, await answer.text()]).toEqual([201, expect.anything()]);
  };
  const remove = (path: string) => call(server(), 'DELETE', `/v0/images/sandbox/${path}`);

  test('images have tags, and go when no sandbox runs on them', async () => {
    await tagImage('mine');
    await tagImage('mine:v1');
    const found = await call(server(), 'GET', '/v0/images');
    const asPage = await call(server(), 'GET', '/v0/images?limit=1', undefined, {
      'blaxel-version': '2026-09-22',
    });
    expect(asPage.body).toMatchObject({
      data: [{ metadata: { name: 'mine' } }],
      meta: { hasMore: false, total: 1 },
    });
    const [image] = z.array(blaxelImage).parse(found.body);
    expect(image?.metadata).toMatchObject({ name: 'mine', resourceType: 'sandbox', status: 'BUILT' });
    expect(image?.spec.tags.map(({ name }) => name).toSorted()).toEqual(['latest', 'v1']);
    const made = await create(server(), 'user', { image: 'sandbox/mine:v1' });
    expect(made.spec.runtime?.image).toBe('sandbox/mine:v1');
    expect((await remove('mine:v1')).status).toBe(400);
    await call(server(), 'DELETE', '/v0/sandboxes/user');
    expect((await remove('mine:v1')).status).toBe(200);
    expect((await remove('mine/tags/v1')).status).toBe(404);
    expect((await remove('mine')).status).toBe(200);
    expect((await call(server(), 'GET', '/v0/images/_/mine')).status).toBe(404);
  });

  test('the hub lists all images of the hosted one; those that are not here say why', async () => {
    const { body } = await call(server(), 'GET', '/v0/sandbox/hub');
    const hub = z.array(blaxelHubImage).parse(body);
    expect([hub.length, hub.filter(({ coming_soon }) => coming_soon).length]).toEqual([18, 8]);
    const refused = await call(
      server(),
      'POST',
      '/v0/sandboxes',
      declarationOf('hub', { image: 'blaxel/expo:latest' }),
    );
    expect([refused.status, refused.body]).toEqual([
      400,
      expect.objectContaining({ code: 'INVALID_IMAGE', message: expect.stringContaining('npm registry') }),
    ]);
  });
}
