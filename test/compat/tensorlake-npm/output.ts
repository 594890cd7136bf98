import { OutputMode } from 'tensorlake';
import type { OutputEvent, Sandbox } from 'tensorlake';
import { expect, test } from 'vitest';

export function testOutput(sandbox: () => Sandbox): void {
  const start = (script: string, options: Parameters<Sandbox['startProcess']>[1] = {}) =>
    sandbox().startProcess('bash', { ...options, args: ['-c', script] });
  const collect = async (events: AsyncIterable<OutputEvent>): Promise<OutputEvent[]> => {
    const collected: OutputEvent[] = [];
    for await (const event of events) collected.push(event);
    return collected;
  };
  const linesOf = (events: OutputEvent[]): string[] => events.map(({ line }) => line);

  test('stdout, stderr and both together are kept in order', async () => {
    const { pid } = await start('echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3');
    await collect(sandbox().followOutput(pid));
    const [out, err, both] = await Promise.all([
      sandbox().getStdout(pid),
      sandbox().getStderr(pid),
      sandbox().getOutput(pid),
    ]);
    expect(out).toMatchObject({ pid, lines: ['1', '3'], lineCount: 2 });
    expect(err.lines).toEqual(['2']);
    expect(both.lines).toEqual(['1', '2', '3']);
  });

  test('what processes print is in the log of the sandbox, by level, process and text, page by page', async () => {
    const { pid } = await start('for i in 1 2 3; do echo logged $i; done; echo complaint >&2');
    await collect(sandbox().followOutput(pid));
    const processOf = async () => {
      const { processes } = await sandbox().listLogProcesses();
      return processes.find(({ processPid, logCount }) => processPid === String(pid) && logCount === 4);
    };
    await expect.poll(processOf, { timeout: 30_000 }).toBeDefined();
    const processIds = [(await processOf())?.processId ?? ''];
    const bodiesOf = async (options: Parameters<Sandbox['getLogs']>[0]) =>
      (await sandbox().getLogs({ processIds, ...options })).logs.map(({ body }) => body);
    expect(await bodiesOf({ levels: ['info'] })).toEqual(['logged 1', 'logged 2', 'logged 3']);
    expect(await bodiesOf({ levels: ['warn', 'error'] })).toEqual(['complaint']);
    expect(await bodiesOf({ body: 'logged', tail: 1 })).toEqual(['logged 3']);
    const first = await sandbox().getLogs({ processIds, head: 3 });
    expect(first.logs).toHaveLength(3);
    expect(await bodiesOf({ head: 3, nextToken: first.nextToken ?? '' })).toHaveLength(1);
  });

  test('a follower sees a line before the process ends', async () => {
    const { pid } = await start('echo first; read -t 60 < <(sleep 60); echo last');
    for await (const { line } of sandbox().followStdout(pid)) {
      expect(line).toBe('first');
      expect((await sandbox().getProcess(pid)).status).toBe('running');
      break;
    }
    await sandbox().killProcess(pid);
  });

  test('a late follower gets everything from the beginning, and the end', async () => {
    const { pid } = await start('echo out; sleep 0.05; echo err >&2');
    await collect(sandbox().followStdout(pid));
    const events = await collect(sandbox().followOutput(pid));
    expect(events.map(({ line, stream }) => `${stream} ${line}`)).toEqual(['stdout out', 'stderr err']);
  });

  test('followers of one stream get only that stream', async () => {
    const { pid } = await start('echo out; echo err >&2; sleep 0.2; echo err2 >&2');
    const [out, err] = await Promise.all([
      collect(sandbox().followStdout(pid)),
      collect(sandbox().followStderr(pid)),
    ]);
    expect([linesOf(out), linesOf(err)]).toEqual([['out'], ['err', 'err2']]);
  });

  test('many followers each get every line', async () => {
    const { pid } = await start('seq 1 500; sleep 1');
    const all = await Promise.all(Array.from({ length: 5 }, () => collect(sandbox().followStdout(pid))));
    expect(all.map((events) => linesOf(events).join())).toEqual(
      Array.from({ length: 5 }, () => Array.from({ length: 500 }, (_, index) => index + 1).join()),
    );
  });

  // This client ends a follow with the process, also before it has handed out all lines that it got: hence the pause.
  test('a live follower of a chatty process gets every line', async () => {
    const { pid } = await start('sleep 0.2; seq 1 2000; sleep 2');
    const lines = linesOf(await collect(sandbox().followStdout(pid)));
    expect(lines.join()).toBe(Array.from({ length: 2000 }, (_, index) => index + 1).join());
  });

  test('discarded output is not kept', async () => {
    const { pid } = await start('echo out; echo err >&2', { stdoutMode: OutputMode.DISCARD });
    await collect(sandbox().followOutput(pid));
    expect((await sandbox().getOutput(pid)).lines).toEqual(['err']);
  });

  test('an unknown process has no output', async () => {
    await expect(sandbox().getStdout(999_999)).rejects.toMatchObject({ statusCode: 404 });
    await expect(collect(sandbox().followOutput(999_999))).rejects.toThrow();
  });
}
