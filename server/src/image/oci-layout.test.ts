import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  LayoutWriter,
  digestOf,
  dockerTypes,
  ociTypes,
  tarball,
  thisArchitecture,
  writeLayout,
} from '../../../test/fixtures/image-layout.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { readLayout } from './oci-layout.ts';

const layers = [{ tar: tarball([{ path: 'f' }]) }];
const otherArchitecture = thisArchitecture === 'amd64' ? 'arm64' : 'amd64';
const on = (architecture: string, os = 'linux') => ({ platform: { architecture, os } });

test.each([ociTypes, dockerTypes])('an image of type $manifest is read', async (mediaTypes) => {
  const dir = await tempDir();
  const digest = await writeLayout(dir, { layers, mediaTypes, settings: { User: 'me' } });
  const image = await readLayout(dir);
  expect(image.descriptor).toMatchObject({ digest, mediaType: mediaTypes.manifest });
  expect(image.config.config?.User).toBe('me');
});

test('the null values that Docker writes are absent', async () => {
  const dir = await tempDir();
  await writeLayout(dir, { layers, settings: { Env: null, Cmd: null, Labels: null, Entrypoint: null } });
  expect((await readLayout(dir)).config.config?.Env).toBeUndefined();
});

describe('of an index with several platforms', () => {
  test('this machine’s image is taken, however deep', async () => {
    const layout = new LayoutWriter(await tempDir());
    const foreign = await layout.image({ layers, architecture: otherArchitecture });
    const ours = await layout.image({ layers });
    const attestation = await layout.blob('{}', ociTypes.manifest);
    const manifests = [
      { ...attestation, ...on('unknown', 'unknown') },
      { ...foreign, ...on(otherArchitecture) },
      { ...ours, ...on(thisArchitecture) },
    ];
    const type = 'application/vnd.docker.distribution.manifest.list.v2+json';
    await layout.index([await layout.blob(JSON.stringify({ schemaVersion: 2, manifests }), type)]);
    expect((await readLayout(layout.dir)).descriptor.digest).toBe(ours.digest);
  });

  test('none is taken when this machine’s is missing, and the answer names what there is', async () => {
    const layout = new LayoutWriter(await tempDir());
    const foreign = await layout.image({ layers, architecture: otherArchitecture });
    await layout.index([{ ...foreign, ...on(otherArchitecture) }]);
    await expect(readLayout(layout.dir)).rejects.toThrow(`it has: linux/${otherArchitecture}`);
  });

  test('an index that holds itself ends', async () => {
    const layout = new LayoutWriter(await tempDir());
    const type = 'application/vnd.oci.image.index.v1+json';
    let inner = await layout.image({ layers });
    for (let depth = 0; depth < 6; depth++) {
      inner = await layout.blob(JSON.stringify({ schemaVersion: 2, manifests: [inner] }), type);
    }
    await layout.index([inner]);
    await expect(readLayout(layout.dir)).rejects.toThrow('deeper than');
  });
});

describe('a layout is refused', () => {
  test('when it is none', async () => {
    await expect(readLayout(await tempDir())).rejects.toThrow('no image layout');
  });

  test('when its manifest is not what its digest says', async () => {
    const dir = await tempDir();
    const digest = await writeLayout(dir, { layers });
    await writeFile(join(dir, 'blobs/sha256', digest.slice(7)), '{}');
    await expect(readLayout(dir)).rejects.toThrow(`instead of ${digest}`);
  });

  test('when its image is for another machine', async () => {
    const dir = await tempDir();
    await writeLayout(dir, { layers, architecture: 's390x' });
    await expect(readLayout(dir)).rejects.toThrow('is for linux/s390x');
  });

  test('when a digest would lead elsewhere', async () => {
    const layout = new LayoutWriter(await tempDir());
    await layout.index([{ mediaType: ociTypes.manifest, digest: 'sha256:../../../../etc/passwd', size: 3 }]);
    await expect(readLayout(layout.dir)).rejects.toThrow('not a sha256 or sha512 digest');
  });

  test('when a layer is of a type that no sandbox can use', async () => {
    const dir = await tempDir();
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted';
    await writeLayout(dir, { layers: [{ tar: tarball([]), mediaType }] });
    await expect(readLayout(dir)).rejects.toThrow('layers.0.mediaType');
  });

  test('when layers and diff ids do not pair', async () => {
    const layout = new LayoutWriter(await tempDir());
    const config = await layout.blob(
      JSON.stringify({
        architecture: thisArchitecture,
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: [digestOf('')] },
      }),
      ociTypes.config,
    );
    const manifest = { schemaVersion: 2, config, layers: [] };
    await layout.index([await layout.blob(JSON.stringify(manifest), ociTypes.manifest)]);
    await expect(readLayout(layout.dir)).rejects.toThrow('0 layers but 1 diff ids');
  });
});
