import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';

/** A code block of the published guide, under the heading it has there. */
export interface Block {
  heading: string;
  text: string;
}

/** The blocks of one language, in the order of the guide. */
export async function readBlocks(language: 'python'): Promise<Block[]> {
  const guide = await readFile(join(import.meta.dirname, `${language}.guide`), 'utf8');
  return guide
    .split(/^=== /m)
    .slice(1)
    .map((part) => {
      const [heading = '', ...lines] = part.split('\n');
      return { heading, text: lines.join('\n') };
    });
}

/** Puts stand-ins for what tests cannot have; each is for a text that is there. */
export function replaceAll(text: string, replaced: readonly (readonly [string, string])[]): string {
  return replaced.reduce((before, [published, standIn]) => {
    expect(before).toContain(published);
    return before.replaceAll(published, standIn);
  }, text);
}
