import { z } from 'zod';
import type { Db } from '../store/db.ts';
import { optional } from './oci-schema.ts';

/** One layer of an image, as it is stored and pushed. */
export interface ImageLayer {
  digest: string;
  sizeBytes: number;
  /** The step that made it, where the config says. */
  createdBy?: string;
}

interface LayerRecords {
  layerSizes: (manifestDigest: string) => ImageLayer[];
  config: (manifestDigest: string) => string | undefined;
}

/** Digests and sizes as they are stored. */
export const findLayerSizes = (db: Db, manifestDigest: string): ImageLayer[] =>
  db.all<{ digest: string; sizeBytes: number }>(
    `SELECT b.digest AS digest, b.size_bytes AS sizeBytes FROM manifest_blobs m
       JOIN blobs b ON b.digest = m.blob_digest
       WHERE m.manifest_digest = ? AND m.role = 'layer' ORDER BY m.position`,
    manifestDigest,
  );

/** Whoever wrote the image wrote this too; nothing but people reads it. */
const historySchema = z.object({
  history: z.array(z.object({ created_by: optional(z.string()), empty_layer: optional(z.boolean()) })),
});

/** The layers of a manifest from the lowest up, with the steps that made them where each layer has one. */
export function describeLayers(records: LayerRecords, manifestDigest: string): ImageLayer[] {
  const layers = records.layerSizes(manifestDigest);
  const steps = readSteps(records.config(manifestDigest));
  if (steps.length !== layers.length) return layers;
  return layers.map((layer, index) => {
    const createdBy = steps[index];
    return createdBy === undefined ? layer : { ...layer, createdBy };
  });
}

/** What made each layer. Histories that tell of other layers than there are say nothing. */
function readSteps(configJson: string | undefined): (string | undefined)[] {
  const read = historySchema.safeParse(JSON.parse(configJson ?? '{}'));
  if (!read.success) return [];
  return read.data.history
    .filter(({ empty_layer: isEmpty }) => isEmpty !== true)
    .map(({ created_by: step }) => step);
}
