/** The calls of `atoll` in the shell blocks of a Markdown page, split into words as a shell would. */
export function atollCommands(markdown: string): string[][] {
  const blocks = [...markdown.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)];
  return blocks.flatMap(([, text = '']) => commandsOf(text)).filter(([program = '']) => isAtoll(program));
}

const isAtoll = (program: string): boolean => program === 'atoll' || program.endsWith('/atoll');

/** A word, quoted or not, or what stands between commands; a comment reaches to the end of its line. */
const token =
  /#[^\n]*|\\\n|\n|\|\|?|&&?|;|\$\(|[()]|[<>]+&?\s*\S+|(?:'[^']*'|"(?:\\.|[^"])*"|\\.|[^\s'"\\|&;()<>])+/g;

function commandsOf(block: string): string[][] {
  const commands: string[][] = [[]];
  for (const [found] of block.replace(/^\$ /gm, '').matchAll(token)) {
    if (found === '\\\n' || found.startsWith('#') || /^[<>]/.test(found)) continue;
    if (/^(\n|\|\|?|&&?|;|\$\(|[()])$/.test(found)) commands.push([]);
    else commands.at(-1)?.push(unquoted(found));
  }
  return commands.map(withoutAssignments).filter((words) => words.length > 0);
}

const unquoted = (word: string): string =>
  word.replace(
    /'([^']*)'|"((?:\\.|[^"])*)"|\\(.)/g,
    (_all, single, double, escaped) => single ?? double ?? escaped,
  );

/** `A=1 B=2 atoll …` and `id=$(atoll …)` begin with assignments, `sudo` and `exec` lead to a program. */
function withoutAssignments(words: string[]): string[] {
  const first = words.findIndex((word) => !/^[A-Z_a-z]\w*=|^(sudo|exec|export|time)$/.test(word));
  return first === -1 ? [] : words.slice(first);
}
