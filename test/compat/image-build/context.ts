import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** The Dockerfile of the published guide, on a stand-in for its base. */
export const guideDockerfile = `FROM guide-base

RUN apt-get update && apt-get install -y python3 python3-pip
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m pip install --break-system-packages -r /tmp/requirements.txt
RUN mkdir -p /workspace/cache

ENV APP_ENV=prod
WORKDIR /workspace
EXPOSE 8080
`;

/** What a sandbox of that image has to say. */
export const guideScript = 'cat /tmp/requirements.txt; ls -d /workspace/cache; echo $APP_ENV; pwd';
export const guideOutput = '# nothing\n/workspace/cache\nprod\n/workspace';

/** A folder with the guide's build context and some files more, for all tests of a suite. */
export function useContext(): () => string {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'atoll-guide-'));
    const files = {
      Dockerfile: guideDockerfile,
      'requirements.txt': '# nothing\n',
      '.dockerignore': 'secret.txt\n',
      'secret.txt': 'not for the server',
      'fail/Dockerfile': 'FROM guide-base\nRUN echo before; exit 7\n',
      'slow/Dockerfile': 'FROM guide-base\nRUN sleep 300\n',
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(dir, name, '..'), { recursive: true });
      await writeFile(join(dir, name), content);
    }
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  return () => dir;
}
