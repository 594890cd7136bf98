/** Says on each generated page that editing it is of no use. */
export const generatedNote = (source: string): string =>
  `<!-- Generated from ${source} by \`npm run gen\`. Changes belong there. -->`;

/** A Markdown table; pipes in cells are escaped. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

export const code = (text: string): string => `\`${text}\``;

export const block = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

/** Blocks with an empty line between them, and none where a block is absent. */
export const page = (blocks: readonly (string | undefined)[]): string =>
  `${blocks.filter((text) => text !== undefined && text !== '').join('\n\n')}\n`;
