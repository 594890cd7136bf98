/** Columns of text: aligned with two spaces between them, or separated by tabs. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  aligned: boolean,
): string {
  const lines = [header, ...rows].map((cells) => cells.map(oneLine));
  if (!aligned) return lines.map((cells) => cells.join('\t')).join('\n');
  const widths = header.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const pad = (cells: readonly string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0));
  return lines.map((cells) => pad(cells).join('  ').trimEnd()).join('\n');
}

/** `Key:   value` lines with the values in one column. */
export function formatFields(fields: readonly (readonly [string, string | undefined])[], width = 17): string {
  const given = fields.filter(([, value]) => value !== undefined);
  return given.map(([name, value]) => `${`${name}:`.padEnd(width)}${oneLine(value ?? '')}`).join('\n');
}

/** What others chose (names, commands) must neither break the columns nor steer the terminal. */
function oneLine(cell: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return cell.replace(/[\u0000-\u001f\u007f-\u009f]/g, '�');
}
