import type { ImageStore } from '../image/image-store.ts';
import type { BaseImage } from './base-image.ts';
import type { FileOrigin } from './dockerfile/stage-base.ts';
import type { StageFiles } from './stage-files.ts';
import type { Workplace } from './workplace.ts';

/** A tree that files are taken from. */
export interface Origin {
  /** Its root on the host. Nobody opens a path below it but the layer tool. */
  path: string;
  /** Tells the files of stages and images apart; absent for the context, whose files are compared themselves. */
  key?: string;
}

export interface OriginOptions {
  images: ImageStore;
  workplace: Workplace;
  /** Resolves once the stage is built. */
  stage: (index: number) => Promise<StageFiles>;
  image: (reference: string) => Promise<BaseImage>;
  signal: AbortSignal;
}

export type Origins = ReturnType<typeof createOrigins>;

/** Gives out the trees that COPY, ADD and mounts take files from; each is merged once. */
export function createOrigins({ images, workplace, stage, image, signal }: OriginOptions) {
  const merged = new Map<string, Promise<string>>();
  const mergedPath = (files: StageFiles): Promise<string> => {
    const known = merged.get(files.key);
    if (known) return known;
    const path = images.workshop.trees(files.layers, signal).then((lowers) => workplace.keepMerged(lowers));
    merged.set(files.key, path);
    return path;
  };
  const of = async (files: StageFiles): Promise<Origin> => ({
    path: await mergedPath(files),
    key: files.key,
  });
  let empty: Promise<string> | undefined;
  return {
    find: async (from: FileOrigin | { kind: 'context' }): Promise<Origin> => {
      switch (from.kind) {
        case 'context':
          return { path: workplace.contextDir };
        case 'scratch':
          return { path: await (empty ??= workplace.makeDir('scratch')), key: 'scratch' };
        case 'stage':
          return of(await stage(from.index));
        case 'image':
          return of((await image(from.reference)).files);
      }
    },
  };
}
