import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';

/** What the blocks of the published guide to images are written in; `file` holds what lies in files and is shown on terminals. */
const languages = ['python', 'typescript', 'shell', 'file'] as const;
type Language = (typeof languages)[number];

/** What stands for what: lines that need what tests cannot have. */
export type StandIns = readonly (readonly [published: string, standIn: string])[];

/** The code blocks of the published guide, by the numbers that they have there from its start. */
export interface Guide {
  numbersOf(language: Language): number[];
  /** A block, from now on one of those that were tried, with stand-ins for texts that are in it. */
  take(number: number, standIns?: StandIns): string;
  /** Those that no test took. */
  untried(): number[];
}

interface Block {
  number: number;
  language: Language;
  text: string;
}

export async function readGuide(): Promise<Guide> {
  const blocks = (await Promise.all(languages.map(readBlocks))).flat();
  const tried = new Set<number>();
  return {
    numbersOf: (language) =>
      blocks.filter((block) => block.language === language).map(({ number }) => number),
    take: (number, standIns = []) => {
      const block = blocks.find((one) => one.number === number);
      if (block === undefined) throw new Error(`the guide has no block ${number}`);
      tried.add(number);
      return replaceAll(block.text, standIns);
    },
    untried: () => blocks.map(({ number }) => number).filter((number) => !tried.has(number)),
  };
}

/** Each block begins with a line of its number and of the heading that it has in the guide. */
async function readBlocks(language: Language): Promise<Block[]> {
  const text = await readFile(join(import.meta.dirname, `${language}.guide`), 'utf8');
  return text
    .split(/^=== /m)
    .slice(1)
    .map((part) => {
      const [heading = '', ...lines] = part.split('\n');
      return { number: Number.parseInt(heading, 10), language, text: lines.join('\n') };
    });
}

/** Each stand-in is for a text that is there. */
function replaceAll(text: string, standIns: StandIns): string {
  return standIns.reduce((before, [published, standIn]) => {
    expect(before).toContain(published);
    return before.replaceAll(published, standIn);
  }, text);
}
