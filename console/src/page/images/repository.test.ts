import { expect, test } from 'vitest';
import type { ImageInfo } from '@atoll/sdk';
import { imagePath, nameOfTag, splitName, toRepositories } from './repository.ts';

const image = (name: string, createdAt: number, more: Partial<ImageInfo> = {}): ImageInfo => ({
  id: `id-${name}`,
  name,
  digest: 'sha256:0',
  sizeBytes: 1,
  layerCount: 1,
  public: false,
  own: true,
  createdAt,
  ...more,
});

test('tags of one name stand together, the newest first', () => {
  const [app] = toRepositories([image('app', 1), image('app:v2', 2)]);
  expect(app?.tags.map(({ tag }) => tag)).toEqual(['v2', 'latest']);
  expect(app?.source).toBe('own');
});

test('own names come first, base images last', () => {
  const all = toRepositories([
    image('tensorlake/ubuntu-minimal', 1, { own: false, public: true }),
    image('theirs', 1, { own: false, public: true }),
    image('from-dev', 1, { own: false, sharedFrom: 'dev' }),
    image('mine', 1),
  ]);
  expect(all.map(({ name }) => name)).toEqual(['mine', 'from-dev', 'theirs', 'tensorlake/ubuntu-minimal']);
  expect(all.map(({ source }) => source)).toEqual(['own', { sharedFrom: 'dev' }, 'public', 'base']);
});

test('a name has a tag, also where it is not written', () => {
  expect(splitName('app')).toEqual({ repository: 'app', tag: 'latest' });
  expect(splitName('team/app:1.0')).toEqual({ repository: 'team/app', tag: '1.0' });
  expect(nameOfTag('app', 'latest')).toBe('app');
  expect(imagePath('team/app')).toBe('/images/team%2Fapp');
});
