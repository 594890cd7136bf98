import type { ImageInfo } from '@atoll/sdk';

/** Whose an image is, as far as this workspace sees. */
export type Source = 'own' | 'base' | 'public' | { sharedFrom: string };

/** All tags of one name. */
export interface Repository {
  name: string;
  source: Source;
  isPublic: boolean;
  /** The newest first. */
  tags: readonly Tag[];
}

export interface Tag {
  tag: string;
  image: ImageInfo;
}

/** The name of an image in two parts; `latest` goes without saying. */
export function splitName(name: string): { repository: string; tag: string } {
  const colon = name.indexOf(':');
  return colon < 0
    ? { repository: name, tag: 'latest' }
    : { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}

const basePrefix = /^(?:tensorlake|blaxel)\//;

function sourceOf({ name, own, sharedFrom }: ImageInfo): Source {
  if (sharedFrom !== undefined) return { sharedFrom };
  if (basePrefix.test(name)) return 'base';
  return own === false ? 'public' : 'own';
}

const rank = (source: Source): number =>
  typeof source === 'object' ? 1 : ['own', 'shared', 'public', 'base'].indexOf(source);

/** Images by name, the workspace's own first. */
export function toRepositories(images: Iterable<ImageInfo>): Repository[] {
  const groups = Map.groupBy(images, ({ name }) => splitName(name).repository);
  const repositories = [...groups].map(([name, members]) => toRepository(name, members));
  return repositories.toSorted((a, b) => rank(a.source) - rank(b.source) || (a.name < b.name ? -1 : 1));
}

function toRepository(name: string, images: readonly ImageInfo[]): Repository {
  const tags = images
    .map((image) => ({ tag: splitName(image.name).tag, image }))
    .toSorted(
      (a, b) =>
        b.image.createdAt - a.image.createdAt || Number(b.tag === 'latest') - Number(a.tag === 'latest'),
    );
  const newest = tags[0]?.image;
  return {
    name,
    tags,
    source: newest === undefined ? 'own' : sourceOf(newest),
    isPublic: newest?.public ?? false,
  };
}

/** The name that a tag is asked for by. */
export const nameOfTag = (repository: string, tag: string): string =>
  tag === 'latest' ? repository : `${repository}:${tag}`;

/** The path of an image's page. */
export const imagePath = (name: string): string => `/images/${encodeURIComponent(name)}`;
