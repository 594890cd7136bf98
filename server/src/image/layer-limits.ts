/** Bounds on one layer, against archives made to fill the disk or the memory of the host. */
export interface LayerLimits {
  /** Uncompressed. */
  maxBytes: number;
  /** Members, and directories that members below them imply: each takes memory here and an inode on disk. */
  maxEntries: number;
  /** All names and the attributes of directories: they are held in memory while a layer is unpacked. */
  maxNameBytes: number;
}

export const defaultLayerLimits: LayerLimits = {
  maxBytes: 64 * 1024 ** 3,
  maxEntries: 1_000_000,
  maxNameBytes: 128 * 1024 ** 2,
};
