/**
 * The images that a Dockerfile takes from elsewhere, as well as that can be told without building: for these the
 * client looks up credentials. What is no reference after all finds none.
 */
export function externalImages(dockerfile: string, buildArgs: Record<string, string> = {}): string[] {
  const lines = dockerfile
    .replace(/[\\`][ \t]*\r?\n/g, ' ')
    .split('\n')
    .map((line) => line.trim());
  const values = new Map<string, string>();
  const stages = new Set(['scratch']);
  const found = new Set<string>();
  const add = (reference: string): void => {
    const expanded = expand(reference.replace(/^["']|["']$/g, ''), values);
    if (expanded !== '' && !stages.has(expanded.toLowerCase()) && !/^\d+$/.test(expanded))
      found.add(expanded);
  };
  for (const line of lines) {
    const [, name = '', value = ''] = /^ARG\s+(\w+)(?:=(\S*))?/i.exec(line) ?? [];
    if (name !== '') values.set(name, buildArgs[name] ?? expand(value.replace(/^["']|["']$/g, ''), values));
    const [, from = '', alias = ''] = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(line) ?? [];
    if (from !== '') add(from);
    if (alias !== '') stages.add(alias.toLowerCase());
    for (const [, copied = ''] of line.matchAll(/(?:--from=|[=,]from=)([^\s,]+)/g)) add(copied);
  }
  return [...found];
}

const expand = (text: string, values: ReadonlyMap<string, string>): string =>
  text.replace(
    /\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})/g,
    (_, plain, braced, fallback) => values.get(plain ?? braced) || (fallback ?? ''),
  );
