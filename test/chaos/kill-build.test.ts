import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { beginBuild, build, endOfBuild } from '../fixtures/build.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { createRandom, seed } from './random.ts';

const ROUNDS = process.env['ATOLL_TEST_LONG'] === '1' ? 20 : 2;
const LONGEST_ROUND_MS = 3_000;

/** Stages at once, a cache, a mount of the context, a copy that takes a while. */
const dockerfile = `FROM debian-minimal AS one
RUN --mount=type=cache,target=/cache echo x >> /cache/f && echo one > /one
RUN --mount=type=bind,target=/context cp /context/big /big && rm /etc/issue
FROM debian-minimal AS two
COPY big /a
COPY big /b
RUN echo two > /two
FROM scratch
COPY --from=one /one /
COPY --from=two /two /
`;

describeOnUsualDriver(`a server that is killed while it builds (ATOLL_TEST_SEED=${seed})`, (getServer) => {
  const random = createRandom(seed);

  test(
    'fails its builds when it starts again, leaves nothing of them, and builds on',
    async () => {
      const server = getServer();
      const dir = await tempDir();
      await writeFile(join(dir, 'big'), Buffer.alloc(8 * 1024 * 1024, 'x'));
      for (let round = 1; round <= ROUNDS; round += 1) {
        const ids = await Promise.all(
          [1, 2].map((n) => beginBuild(server, { dockerfile, noCache: true, name: `cut-${n}` }, dir)),
        );
        await sleep(random.int(LONGEST_ROUND_MS));
        await server.kill9();
        await server.restart();
        for (const id of ids) {
          const { build: ended, events } = await endOfBuild(server, id);
          expect(['failed', 'succeeded'], `round ${round}`).toContain(ended.status);
          expect(events.at(-1)?.type).toBe(ended.status);
        }
        expect(await leftovers(server), `round ${round}`).toEqual([]);
      }
      const last = await build(server, { dockerfile, name: 'whole' }, dir);
      expect(last.build.failure).toBeUndefined();
    },
    ROUNDS * 30_000 + 60_000,
  );
});

/** What builds alone leave; slots that wait for sandboxes belong to the server. */
async function leftovers(server: { census: () => Promise<string[]> }): Promise<string[]> {
  return (await server.census()).filter((line) => /\/build(-cache)?\/|^unfinished/.test(line));
}
