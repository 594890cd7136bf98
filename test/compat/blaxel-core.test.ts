import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { IMAGE } from './blaxel/calls.ts';
import { testCredentials } from './blaxel-core/credential.ts';
import { exportsOf, openClient } from './blaxel-core/client.ts';
import { testBuilds } from './blaxel-core/build.ts';
import { testSchedules } from './blaxel-core/schedule.ts';
import { testSnapshots } from './blaxel-core/snapshot.ts';
import { testVolumes } from './blaxel-core/volume.ts';
import type { Client, SandboxInstance } from './blaxel-core/client.ts';
import { testDrives } from './blaxel-core/drive.ts';
import { testFiles } from './blaxel-core/file.ts';
import { testFinding } from './blaxel-core/find.ts';
import { testSeedImage } from './blaxel-core/image.ts';
import { testMcp } from './blaxel-core/mcp.ts';
import { testPreviews } from './blaxel-core/preview.ts';
import { testProcesses } from './blaxel-core/process.ts';
import { testTerminals } from './blaxel-core/terminal.ts';

describeOnEachDriver('npm @blaxel/core 0.3.21', (server, driver) => {
  let client: Client;
  let shared: SandboxInstance | undefined;
  const small = { image: IMAGE, memory: 512 };

  beforeAll(async () => {
    client = await openClient(server());
    shared = await client.create({ ...small, name: 'shared', envs: [{ name: 'GREETING', value: 'hello' }] });
  });
  afterAll(async () => void (await shared?.delete()));
  const sandbox = (): SandboxInstance => {
    if (shared === undefined) throw new Error('the sandbox is not up');
    return shared;
  };

  test('a sandbox is created, found, listed, changed and deleted', async () => {
    const made = await client.createIfNotExists({ ...small, name: 'life', labels: { k: 'v' } });
    expect(made.status).toBe('DEPLOYED');
    expect((await client.createIfNotExists({ ...small, name: 'life' })).metadata.labels).toEqual({ k: 'v' });
    const relabelled = await client.updateMetadata('life', { labels: { x: 'y' } });
    expect(relabelled.metadata.labels).toEqual({ x: 'y' });
    await made.process.exec({ command: 'echo kept > /tmp/kept', waitForCompletion: true });
    await client.updateTtl('life', '1h');
    const kept = await made.process.exec({ command: 'cat /tmp/kept', waitForCompletion: true });
    expect(kept.stdout).toBe('kept\n');
    await client.delete('life');
    expect((await client.get('life')).status).toBe('TERMINATED');
    await expect(client.get('nope')).rejects.toMatchObject({ code: 404 });
  });

  describe('processes', () => testProcesses(sandbox));
  if (driver === 'gvisor') describe('credentials', () => testCredentials(server));
  // The gateway is the same whatever runs behind it.
  if (driver === 'gvisor')
    describe('previews', () =>
      testPreviews(
        server,
        () => client,
        () => sandbox(),
      ));
  describe('snapshots', () => testSnapshots(server, () => client, driver === 'gvisor'));
  if (driver === 'gvisor') describe('schedules', () => testSchedules(server, sandbox));
  if (driver === 'gvisor')
    describe('builds', () =>
      testBuilds(
        () => client,
        () => exportsOf(client).ImageInstance,
      ));
  if (driver === 'gvisor')
    describe('volumes', () =>
      testVolumes(
        server,
        () => client,
        () => exportsOf(client).VolumeInstance,
      ));
  describe('drives', () =>
    testDrives(
      server,
      () => client,
      () => exportsOf(client).DriveInstance,
    ));
  describe('files', () => testFiles(server, sandbox));
  describe('finding', () => testFinding(server, sandbox));
  describe('terminals', () => testTerminals(server, sandbox));
  describe('tools', () => testMcp(server, sandbox));
  describe('the image of the guide', () => testSeedImage(server, () => client));
});
