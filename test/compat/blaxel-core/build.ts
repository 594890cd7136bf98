import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../fixtures/temp-dir.ts';
import { IMAGE } from '../blaxel/calls.ts';
import type { Client, ImageInstance } from './client.ts';

/** Images that the unmodified client builds (wire 1.7, 3). */
export function testBuilds(client: () => Client, images: () => typeof ImageInstance): void {
  test('an image is built of instructions and local files, and deployed', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'greeting'), 'hello from here\n');
    const image = images()
      .fromRegistry(IMAGE)
      .workdir('/app')
      .runCommands('echo built > /built')
      .addLocalFile(join(dir, 'greeting'), '/app/greeting')
      .env({ GREETING: 'set' });
    const statuses: string[] = [];
    const built = await image.build({
      name: 'img-sb',
      memory: 512,
      timeout: 120_000,
      onStatusChange: (status) => void statuses.push(status),
    });
    expect(built.status).toBe('DEPLOYED');
    expect(statuses.at(-1)).toBe('DEPLOYED');
    expect(statuses.length).toBeGreaterThan(1);
    const sandbox = await client().get('img-sb');
    const command = 'cat /built greeting; echo $GREETING';
    const done = await sandbox.process.exec({ command, waitForCompletion: true });
    expect(done.stdout).toBe('built\nhello from here\nset\n');
    await sandbox.delete();
  });
}
