/** Arguments of an instruction that takes `["a", "b"]` as well as a shell command. */
export type CommandForm =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  | { readonly form: 'shell'; readonly text: string };

/** What became of a text that may be a JSON array. */
export type ExecFormResult =
  | { readonly is: 'strings'; readonly args: readonly string[] }
  | { readonly is: 'not-json' | 'not-strings' };

/** Reads the exec form. What is not JSON is a shell command; an array of anything but strings is neither. */
export function parseExecForm(text: string): ExecFormResult {
  if (!text.startsWith('[')) return { is: 'not-json' };
  const value = parseJson(text);
  if (!Array.isArray(value)) return { is: 'not-json' };
  const items: readonly unknown[] = value;
  const args = items.filter((item) => typeof item === 'string');
  return args.length === items.length ? { is: 'strings', args } : { is: 'not-strings' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
