import { createHash } from 'node:crypto';
import type { StoredLayer } from '../image/workshop.ts';
import { canonicalJson } from './dockerfile/cache-key.ts';

/** A layer of a stage; one that this build has made lies on the build's disk. */
export interface StageLayer extends StoredLayer {
  tree?: string;
}

/** The files of a stage after a step: what they follow from, and the layers that hold them. */
export interface StageFiles {
  readonly key: string;
  readonly layers: readonly StageLayer[];
}

export const noFiles: StageFiles = { key: 'scratch', layers: [] };

/** The key of what a step makes out of what it stands on and what it reads. */
export const stepKey = (parts: object): string =>
  createHash('sha256').update(canonicalJson(parts)).digest('hex');
