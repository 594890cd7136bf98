const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;
const marks = { done: '✓', cached: '✓', failed: '✗', cancelled: '-' } as const;

type Outcome = keyof typeof marks;

interface Step {
  title: string;
  startedAt: number;
  said: string;
}

export type LiveSteps = ReturnType<typeof createLiveSteps>;

/** Steps that run turn at the bottom of the terminal; those that ended stay above them. */
export function createLiveSteps(write: (text: string) => void, columns: () => number) {
  const running = new Map<number, Step>();
  let drawnLines = 0;
  let turn = 0;
  let atBottom = '';

  const erase = (): string => (drawnLines === 0 ? '' : `\x1b[${drawnLines}A\x1b[0J`);
  const linesOf = ({ title, startedAt, said }: Step): string[] => {
    const head = `${frames[turn % frames.length]} ${title} ${seconds(Date.now() - startedAt)}`;
    return said === '' ? [head] : [head, `    ${said}`];
  };
  const draw = (above: readonly string[] = []): void => {
    const below = [...running.values()].flatMap(linesOf);
    if (running.size === 0 && atBottom !== '') below.push(`${frames[turn % frames.length]} ${atBottom}`);
    const lines = [...above, ...below].map((line) => `${cut(line, columns())}\n`);
    write(`${erase()}${lines.join('')}`);
    drawnLines = below.length;
  };
  const timer = setInterval(() => {
    turn += 1;
    draw();
  }, FRAME_MS).unref();

  return {
    begin: (step: number, title: string): void => {
      atBottom = '';
      running.set(step, { title, startedAt: Date.now(), said: '' });
      draw();
    },
    say: (step: number, line: string | undefined): void => {
      const found = running.get(step);
      if (found && line !== undefined && line !== '') found.said = withoutControls(line);
    },
    finish: (step: number, outcome: Outcome, durationMs: number): void => {
      const title = running.get(step)?.title ?? `step ${step}`;
      running.delete(step);
      draw([`${marks[outcome]} ${title} ${outcome === 'cached' ? 'CACHED' : seconds(durationMs)}`]);
    },
    note: (lines: readonly string[]): void => draw(lines.filter((line) => line !== '').map(withoutControls)),
    status: (text: string): void => {
      atBottom = text;
    },
    close: (): void => {
      clearInterval(timer);
      write(erase());
      drawnLines = 0;
    },
  };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

/** What a program prints may move the cursor, and would break the picture. */
const withoutControls = (line: string): string =>
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  line.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replace(/[\x00-\x1f\x7f]/g, ' ');

const cut = (line: string, columns: number): string =>
  line.length < columns ? line : `${line.slice(0, Math.max(1, columns - 2))}…`;
