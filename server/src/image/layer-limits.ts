/** Bounds on one layer, against archives made to fill the disk or the memory of the host. */
export interface LayerLimits {
  /** Uncompressed. */
  maxBytes: number;
  maxEntries: number;
  /** All names together: they are held in memory while a layer is unpacked. */
  maxNameBytes: number;
}

export const defaultLayerLimits: LayerLimits = {
  maxBytes: 64 * 1024 ** 3,
  maxEntries: 1_000_000,
  maxNameBytes: 256 * 1024 ** 2,
};
