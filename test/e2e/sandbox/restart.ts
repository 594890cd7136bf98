import { expect, test, vi } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import type { TestServer } from '../../fixtures/server.ts';

const small = { resources: { memory_mb: 128 } };

/** A server that was stopped or killed finds its sandboxes again, and undoes what was half made. */
export function testRestart(server: () => TestServer): void {
  const get = (id: string) => call(server(), `/sandboxes/${id}`);
  const terminate = (id: string) => call(server(), `/sandboxes/${id}`, { method: 'DELETE' });

  test.each(['stop', 'kill9'] as const)(
    'after %s running sandboxes go on and answer',
    { timeout: 60_000 },
    async (how) => {
      const id = await createSandbox(server(), { ...small, name: 'survivor' });
      const box = () => sandboxCalls(server(), id);
      const { body } = await box().call('/api/v1/processes', {
        body: { command: 'bash', args: ['-c', 'while :; do echo tick; sleep 0.1; done'] },
      });
      const { pid } = body as { pid: number }; // wire 2.2
      await box().run('echo kept > /workspace/file');
      await server()[how]();
      await server().restart();
      expect((await box().run('cat /workspace/file')).output).toBe('kept');
      expect(await box().call(`/api/v1/processes/${pid}`)).toMatchObject({ body: { status: 'running' } });
      expect(await get('survivor')).toMatchObject({ body: { id, status: 'running' } });
      expect(await terminate(id)).toMatchObject({ status: 200 });
    },
  );

  test(
    'kill -9 in the middle of creates undoes them, and their names are free',
    { timeout: 60_000 },
    async () => {
      const names = ['half-a', 'half-b', 'half-c'];
      const creates = names.map((name) =>
        call(server(), '/sandboxes', { body: { resources: { memory_mb: 300 }, name } }).catch(
          () => undefined,
        ),
      );
      await vi.waitFor(async () => expect((await get('half-c')).status).toBe(200), { interval: 5 });
      await server().kill9();
      const answered = (await Promise.all(creates)).filter((answer) => answer?.status === 200).length;
      await server().restart();
      const { body } = await call(server(), '/sandboxes?status=running');
      const running = (body as { sandboxes: { id: string }[] }).sandboxes; // wire 1.4
      expect(running.length).toBeGreaterThanOrEqual(answered);
      await Promise.all(running.map(({ id }) => terminate(id)));
      for (const name of names)
        expect(await createSandbox(server(), { ...small, name })).toMatch(/^[a-z0-9]{21}$/);
      await Promise.all(names.map(terminate));
    },
  );

  test('kill -9 in the middle of a terminate: it is carried to its end', { timeout: 60_000 }, async () => {
    const id = await createSandbox(server(), small);
    const ending = terminate(id).catch(() => undefined);
    await server().kill9();
    await ending;
    await server().restart();
    const { body } = await get(id);
    const { status } = body as { status: string }; // wire 1.4
    expect(['running', 'terminated']).toContain(status);
    expect(await terminate(id)).toMatchObject({ status: 200 });
  });
}
