import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guide, StandIns } from './blocks.ts';

/** The lines of the published Dockerfile that need what tests cannot reach, and what stands in for them. */
const replacedLines: StandIns = [
  ['FROM node:22-alpine', 'FROM debian-minimal'],
  [
    'RUN apk update && apk add --no-cache \\\n\tgit curl python3 make g++ netcat-openbsd \\\n  && rm -rf /var/cache/apk/*',
    'COPY nc npm /usr/local/bin/\nCOPY package.json /app/',
  ],
];

/** What the packages of the replaced lines would bring, as far as the entrypoint uses it. */
const standIns = {
  nc: '#!/bin/sh\nexec python3 -c "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])))" "$2" "$3" 2>/dev/null\n',
  npm: '#!/bin/sh\n[ "$1" = install ] || exec python3 -m http.server 3000\n',
  'package.json': '{}',
};

/** Writes the Dockerfile and the entrypoint of the guide into a folder. */
export async function writeTemplate(guide: Guide, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'Dockerfile'), guide.take(3, replacedLines));
  for (const [name, content] of Object.entries({ ...standIns, 'entrypoint.sh': guide.take(5) })) {
    await writeFile(join(dir, name), content);
    await chmod(join(dir, name), 0o755);
  }
}
