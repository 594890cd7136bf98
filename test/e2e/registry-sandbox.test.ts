import { Sandbox } from '@atoll/sdk';
import { expect, test } from 'vitest';
import { baseImage as base, pushDerived } from '../fixtures/derived-image.ts';
import type { Descriptor } from '../fixtures/derived-image.ts';
import { digestOf } from '../fixtures/image-layout.ts';
import { imageOf, registryClient } from '../fixtures/registry-client.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';

const greeting = { members: [{ path: 'greeting', content: 'hello from the registry' }] };

describeOnUsualDriver('a pushed image', (server) => {
  const prune = async (): Promise<{ blobCount: number; layerCount: number }> => {
    const answer = await server().fetch('/v1/images/prune', {
      method: 'POST',
      body: JSON.stringify({ olderThanMs: 0 }),
    });
    return (await answer.json()) as { blobCount: number; layerCount: number }; // the route's answer
  };
  const create = (image: string) => Sandbox.create({ apiUrl: server().url, apiKey: server().apiKey, image });

  test('runs at once, and what it runs on outlives its name', async () => {
    await pushDerived(server(), 'default/pushed', 'v1', greeting);
    const sandbox = await create('pushed:v1');
    const said = await sandbox.run('cat', { args: ['/greeting'] });
    expect(said.stdout).toBe('hello from the registry');

    expect((await server().fetch('/v1/images/pushed:v1', { method: 'DELETE' })).status).toBe(204);
    await prune();
    expect((await sandbox.run('cat', { args: ['/greeting'] })).stdout).toBe('hello from the registry');
    await expect(create('pushed:v1')).rejects.toThrow('image not found');

    await sandbox.terminate();
    // What was pushed a moment ago is held for its push, which a new process knows nothing of.
    await server().stop();
    await server().restart();
    await expect.poll(async () => (await prune()).layerCount, { timeout: 20_000 }).toBe(1);
    await pushDerived(server(), 'default/pushed', 'v1', greeting);
    const again = await create('pushed:v1');
    expect((await again.run('cat', { args: ['/greeting'] })).stdout).toBe('hello from the registry');
    await again.terminate();
  });

  test('that claims a layer which it does not hold gets nothing of it', async () => {
    const client = registryClient(server());
    const manifest = (await (await client.call(`/v2/${base}/manifests/latest`)).json()) as {
      config: Descriptor;
    }; // OCI
    const config = await (await client.call(`/v2/${base}/blobs/${manifest.config.digest}`)).text();
    const [diffId = ''] = /sha256:[0-9a-f]{64}/.exec(config.slice(config.indexOf('diff_ids'))) ?? [];
    const honest = imageOf([{ path: 'other' }]);
    const claiming = honest.config.replace(/sha256:[0-9a-f]{64}/, diffId);
    const lie = honest.manifest
      .replace(honest.configDigest, digestOf(claiming))
      .replace(`"size":${honest.config.length}`, `"size":${claiming.length}`);
    await client.pushBlob('default/liar', honest.layer);
    await client.pushBlob('default/liar', claiming);
    expect((await client.putManifest('default/liar', 'v1', lie)).status).toBe(201);
    await expect(create('liar:v1')).rejects.toThrow(/digest|start/);
  });
});
