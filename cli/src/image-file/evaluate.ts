/**
 * Run by `read-image-file.ts` in a process of its own: evaluates a module and writes the images that it exports to
 * file descriptor 3, as JSON. What the module prints cannot get among them.
 */
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

const packages = new Set(['tensorlake', '@atoll/sdk']);
const RESULT_FD = 3;

// The published package, where the file's project has it; else ours, whose Image is made alike.
registerHooks({
  resolve: (specifier, context, next) => {
    try {
      return next(specifier, context);
    } catch (error) {
      if (!packages.has(specifier)) throw error;
      return { url: import.meta.resolve('@atoll/sdk'), shortCircuit: true };
    }
  },
});

interface ImageLike {
  name: string;
  baseImage: string | null;
  buildOperations: readonly object[];
}

const isImage = (value: unknown): value is ImageLike =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  typeof value.name === 'string' &&
  'baseImage' in value &&
  'buildOperations' in value &&
  Array.isArray(value.buildOperations);

const [, , path = ''] = process.argv;
const exported: Record<string, unknown> = await import(pathToFileURL(path).href);
const images = new Set(Object.values(exported).flat().filter(isImage));
const definitions = [...images].map(({ name, baseImage, buildOperations }) => ({
  name,
  baseImage,
  operations: buildOperations,
}));
writeFileSync(RESULT_FD, JSON.stringify(definitions));
process.exit();
