import type { Registration } from './image-records.ts';

/** An image to take in, and the name to give it. */
export interface ImportRequest extends Registration {
  /** An OCI image layout directory. */
  layoutDir: string;
}
