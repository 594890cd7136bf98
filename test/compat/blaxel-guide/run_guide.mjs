// Runs TypeScript blocks of the published guide in this process, one namespace for all, and writes every image they name.
// Usage: run_guide.mjs BLOCKS OUTPUT, with BLOCKS the JSON list of their texts. Prints one JSON line for each image.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageInstance } from '@blaxel/core';

const [list = '', output = ''] = process.argv.slice(2);
const declarations = /^const (\w+) =/gm;
const named = new Map();
let running = 0;

function note(name, value) {
  named.set(name, value);
  if (!(value instanceof ImageInstance)) return;
  const folder = value.write(output, `${running}-${value.hash}`);
  console.log(JSON.stringify({ block: running, folder }));
}

/** Blocks name one thing several times, which modules do not allow, and use what earlier ones named. */
function declare(name) {
  const get = () => named.get(name);
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get,
    set: (value) => {
      note(name, value);
    },
  });
}

// Only the first ones import it.
globalThis.ImageInstance = ImageInstance;
for (const [number, text] of JSON.parse(await readFile(list, 'utf8')).entries()) {
  running = number;
  for (const [, name] of text.matchAll(declarations)) declare(name);
  const file = join(process.cwd(), `block-${number}.mts`);
  await writeFile(file, text.replaceAll(declarations, 'globalThis.$1 ='));
  await import(file);
}
