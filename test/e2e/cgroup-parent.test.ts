import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openCgroups } from '../../server/src/cgroup-parent.ts';
import { readCgroupLayout } from '../../server/src/runtime/cgroup-layout.ts';
import { openDataDir } from '../../server/src/store/data-dir.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

test.runIf(process.getuid?.() === 0)(
  'a server leaves a control group for another one only when it is empty',
  async () => {
    const layout = await readCgroupLayout();
    const dataDir = openDataDir(await tempDir());
    const parent = `/atoll-test-${dataDir.instanceId}.slice`;
    const roots = layout.version === 2 ? [layout.root] : layout.hierarchies;
    onTestFinished(async () => {
      for (const root of roots) await rmdir(join(root, parent)).catch(() => {});
    });
    const first = await openCgroups(layout, dataDir, parent);
    await first.create('sandbox1', {});
    await expect(openCgroups(layout, dataDir, '/')).rejects.toThrow(`below the control group ${parent}`);
    expect(await (await openCgroups(layout, dataDir, parent)).list()).toEqual(['sandbox1']);
    await first.remove('sandbox1');
    await first.close();
    expect(await (await openCgroups(layout, dataDir, '/')).list()).toEqual([]);
    dataDir.unlock();
  },
);
