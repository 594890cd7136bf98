import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DockerfileError } from './dockerfile-error.ts';
import { parseDockerfile } from './dockerfile.ts';
import { planBuild } from './plan.ts';
import { resolveStage } from './resolve-stage.ts';
import { scratchState } from './stage-state.ts';

const platform = { os: 'linux', architecture: 'amd64' };

function resolveAll(content: string | Uint8Array): void {
  const plan = planBuild(parseDockerfile(content), { platform });
  for (const stage of plan.stages) resolveStage(plan, stage, scratchState);
}

/** The fault of a file, or undefined when it is fine. Anything but a DockerfileError is thrown on. */
function faultOf(content: string | Uint8Array): DockerfileError['fault'] | undefined {
  try {
    resolveAll(content);
    return undefined;
  } catch (error) {
    if (error instanceof DockerfileError) return error.fault;
    throw error;
  }
}

/** Lines that are almost a Dockerfile, so that random files get past the first line. */
const fragment = fc.constantFrom(
  'FROM scratch',
  'FROM debian AS a',
  'FROM $X',
  'from a as b',
  'ARG X=1',
  'ARG X',
  'ENV A=$X B="c d"',
  'ENV A b',
  'RUN <<EOF',
  'EOF',
  'RUN ["a", "b"]',
  'RUN --mount=type=cache,target=/c --network=none x \\',
  '  && more',
  '# comment',
  '',
  'COPY --from=a --chown=1:2 x y',
  'COPY <<E /x',
  'E',
  'ADD https://example.com/x /y',
  'ONBUILD RUN x',
  'HEALTHCHECK --interval=1s CMD x',
  'EXPOSE 1-3 $X',
  'VOLUME ["/a"]',
  'WORKDIR ${A:-b}/c',
  'LABEL a=${A%%*} b',
  'SHELL ["x"]',
  'STOPSIGNAL 9',
  'USER ${A',
);

const noise = fc.string({ unit: fc.constantFrom(...'ARUNCOPY${}[]"\'\\<>-=,:/ \t#`ae1\r') });
const line = fc.oneof({ weight: 4, arbitrary: fragment }, { weight: 1, arbitrary: noise });
const file = fc.array(line, { maxLength: 12 }).map((lines) => ['FROM scratch', ...lines].join('\n'));

test('no text makes anything fail but with a place inside the file', () => {
  fc.assert(
    fc.property(file, (content) => {
      const fault = faultOf(content);
      const lines = content.split('\n');
      if (!fault) return;
      expect(fault.line).toBeLessThanOrEqual(lines.length);
      expect(fault.column).toBeLessThanOrEqual((lines[fault.line - 1] ?? '').length + 1);
      expect(Math.min(fault.line, fault.column)).toBeGreaterThanOrEqual(1);
    }),
    { numRuns: 2000 },
  );
});

test('no bytes make anything fail but with a place', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      faultOf(bytes);
    }),
  );
});

test('every instruction lies where its text stands', () => {
  fc.assert(
    fc.property(file, (content) => {
      if (faultOf(content)) return;
      const lines = content.split('\n');
      for (const { from, instructions } of parseDockerfile(content).stages) {
        for (const { range, keyword } of [from, ...instructions]) {
          const text = lines[range.start.line - 1] ?? '';
          expect(text.slice(range.start.column - 1)).toMatch(new RegExp(`^${keyword.text}`));
          expect(range.end.line).toBeLessThanOrEqual(lines.length);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('continuations, comments and line ends do not change what an instruction says', () => {
  const plain = parseDockerfile('FROM scratch\nENV A=1 B=2\n').stages[0]?.instructions[0]?.text;
  const folded = parseDockerfile('FROM scratch\r\nENV A=1 \\\r\n# comment\r\nB=2\r\n');
  expect(folded.stages[0]?.instructions[0]?.text).toBe(plain);
});

test('the range of an instruction ends where its heredoc ends', () => {
  const [stage] = parseDockerfile('FROM scratch\nRUN <<A cat <<B\na\nA\nb\nB\nRUN x\n').stages;
  expect(stage?.instructions.map(({ range }) => [range.start.line, range.end.line])).toEqual([
    [2, 6],
    [7, 7],
  ]);
});

test.each([
  ['a large file', `FROM scratch\n${'# comment\n'.repeat(110_000)}`, 'larger than'],
  ['a long line', `FROM scratch\nRUN ${'x'.repeat(70_000)}`, 'longer than 65535'],
  ['many instructions', `FROM scratch\n${'RUN x\n'.repeat(5000)}`, 'more than 4096 instructions'],
  ['a doubling variable', `FROM scratch\nENV A=0123456789\n${'ENV A=$A$A\n'.repeat(20)}`, 'too long'],
  [
    'many copies of a long value',
    `FROM scratch\nENV A=${'x'.repeat(60_000)}\n${'RUN x\n'.repeat(2000)}`,
    'too large',
  ],
  [
    'many patterns',
    `FROM scratch\nENV A=${'a'.repeat(1000)}\n${'LABEL x=${A//a*b/}\n'.repeat(4000)}`,
    'too long to match',
  ],
  ['many ports', `FROM scratch\n${'EXPOSE 1-65535\n'.repeat(2000)}`, 'too large'],
  [
    'many labels',
    `FROM scratch\n${`LABEL ${Array.from({ length: 6000 }, (_, i) => `a${i}=`).join(' ')}\n`.repeat(15)}${'LABEL x=y\n'.repeat(4000)}`,
    'too large',
  ],
])('%s ends with an error', (_, content, reason) => {
  expect(faultOf(content)?.reason).toContain(reason);
});

test('a long continued instruction is read in linear time', () => {
  const content = `FROM scratch\nRUN x ${'\\\n  && y '.repeat(100_000)}\n`;
  expect(faultOf(content)).toBeUndefined();
});

test.each([
  ['carriage returns', `FROM scratch\n${`RUN ${'\r'.repeat(60_000)}x\n`.repeat(16)}`],
  ['spaces in a directive', `# check=${' '.repeat(60_000)}\nFROM scratch\n`],
  ['escape characters', `FROM scratch\n${`RUN ${'\\ '.repeat(30_000)}x\n`.repeat(16)}`],
  ['slashes in a port', `FROM scratch\nEXPOSE ${'/'.repeat(60_000)}`],
  ['quotes', `FROM scratch\n${`ENV A=${"''".repeat(20_000)}\n`.repeat(10)}`],
  ['heredoc marks', `FROM scratch\nRUN ${'<<a '.repeat(15_000)}\n${'a\n'.repeat(15_000)}`],
])('many %s are read in time', { timeout: 5000 }, (_, content) => {
  faultOf(content);
});

test('a stage chain of any length is planned', () => {
  const stages = Array.from({ length: 4000 }, (_, index) => `FROM s${index} AS s${index + 1}`);
  expect(faultOf(['FROM scratch AS s0', ...stages].join('\n'))).toBeUndefined();
});
