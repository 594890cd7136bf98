import { z } from 'zod';
import type { ImageRecords } from './image-records.ts';
import { optional } from './oci-schema.ts';

/** One layer of an image, as it is stored and pushed. */
export interface ImageLayer {
  digest: string;
  sizeBytes: number;
  /** The step that made it, where the config says. */
  createdBy?: string;
}

/** Whoever wrote the image wrote this too; nothing but people reads it. */
const historySchema = z.object({
  history: z.array(z.object({ created_by: optional(z.string()), empty_layer: optional(z.boolean()) })),
});

/** The layers of a manifest from the lowest up, with the steps that made them where each layer has one. */
export function describeLayers(
  records: Pick<ImageRecords, 'layerSizes' | 'config'>,
  manifestDigest: string,
): ImageLayer[] {
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
