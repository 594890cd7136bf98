import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandboxImage } from 'tensorlake';
import { expect, onTestFinished, test, vi } from 'vitest';
import { buildEvents, endOfBuild } from '../fixtures/build.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

const TIMEOUT_MS = 180_000;
const NAME = 'cut-by-a-kill';
const steps = (step: string): string => `FROM debian-minimal\nRUN echo go && ${step}\n`;

describeOnUsualDriver('a server that is killed during a build that a published client drives', (server) => {
  /** The server has another address after each start. */
  const buildAsClient = async (step: string): Promise<unknown> => {
    vi.stubEnv('TENSORLAKE_API_URL', server().url);
    vi.stubEnv('TENSORLAKE_SANDBOX_PROXY_URL', server().url);
    vi.stubEnv('TENSORLAKE_API_KEY', server().apiKey);
    const dir = await mkdtemp(join(tmpdir(), 'atoll-client-build-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    await writeFile(join(dir, 'Dockerfile'), steps(step));
    return createSandboxImage(join(dir, 'Dockerfile'), { registeredName: NAME }, { emit: () => {} });
  };

  test(
    'has failed it when it starts again, has no image of that name, and builds it the next time',
    async () => {
      const cut = buildAsClient('sleep 120').then(
        () => 'built',
        () => 'failed',
      );
      const id = await runningBuild(server());
      for await (const { type } of buildEvents(server(), id)) if (type === 'step_output') break;
      await server().kill9();
      await server().restart();
      expect(await cut).toBe('failed');
      expect((await endOfBuild(server(), id)).build.status).toBe('failed');
      expect((await server().fetch(`/platform/v1/sandbox-templates/by-name/${NAME}`)).status).toBe(404);
      expect((await server().census()).filter((line) => line.includes(id))).toEqual([]);
      expect(await buildAsClient('true')).toMatchObject({ name: NAME });
    },
    TIMEOUT_MS,
  );
});

/** The client's builder asks for its build once it has started. */
async function runningBuild(server: TestServer): Promise<string> {
  return vi.waitUntil(
    async () => {
      const answer = await server.fetch('/v1/builds');
      const { builds } = (await answer.json()) as { builds: { id: string; status: string }[] }; // of the server's own schema
      return builds.find(({ status }) => status === 'running')?.id;
    },
    { timeout: TIMEOUT_MS / 2, interval: 100 },
  );
}
