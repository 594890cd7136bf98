import { expect, test } from 'vitest';
import { externalImages } from './dockerfile-images.ts';
import { Image } from './image.ts';

test('a definition is a Dockerfile', () => {
  const image = new Image({ name: 'data-tools-image', baseImage: 'tensorlake/ubuntu-systemd' })
    .copy('requirements.txt', '/tmp/requirements.txt')
    .run('apt-get update && apt-get install -y python3 python3-pip')
    .run('mkdir -p /workspace/cache')
    .env('APP_ENV', 'prod')
    .workdir('/workspace');
  expect(image.toDockerfile()).toBe(
    `FROM tensorlake/ubuntu-systemd
COPY requirements.txt /tmp/requirements.txt
RUN apt-get update && apt-get install -y python3 python3-pip
RUN mkdir -p /workspace/cache
ENV APP_ENV="prod"
WORKDIR /workspace
`,
  );
});

test('flags, quotes, spaces, lines and arguments are written so that they are read back', () => {
  const image = Image.from('alpine')
    .arg('VERSION', '1 2')
    .run(['echo', 'a'], { network: 'none' })
    .run('set -e\necho EOF\nEOF')
    .run('echo a && \\\n  echo b')
    .copy('my file', '/to/', { chown: '1000:1000' })
    .env('QUOTE', 'say "hi"')
    .user('nobody');
  expect(image.toDockerfile()).toBe(
    `FROM alpine
ARG VERSION="1 2"
RUN --network=none echo a
RUN <<'EOF_'
set -e
echo EOF
EOF
EOF_
RUN echo a && \\
  echo b
COPY --chown=1000:1000 ["my file","/to/"]
ENV QUOTE="say \\"hi\\""
USER nobody
`,
  );
});

test('the name may stand first, and all of it may be left out', () => {
  const image = new Image('tools', 'v1', 'debian:13');
  expect([image.name, image.tag, image.baseImage]).toEqual(['tools', 'v1', 'debian:13']);
  expect(new Image().toDockerfile()).toBe('FROM tensorlake/ubuntu-minimal\n');
  expect(new Image().name).toBe('default');
});

test('only sources on this machine need a context', () => {
  const elsewhere = new Image().add('https://host/a.tar', '/').copy('/bin/sh', '/x', { from: 'alpine' });
  expect(elsewhere.needsContext).toBe(false);
  expect(elsewhere.add('a.tar', '/').needsContext).toBe(true);
});

test('the images that a Dockerfile takes from elsewhere are found', () => {
  const dockerfile = `ARG VERSION=3.12
ARG REGISTRY=ghcr.io
FROM --platform=linux/amd64 python:\${VERSION}-slim AS base
FROM \\
  $REGISTRY/org/app
COPY --from=base /a /a
COPY --from=0 /a /a
COPY --from=busybox:1 /bin/sh /sh
RUN --mount=type=bind,from=quay.io/x/y:1,target=/y true
FROM scratch
`;
  const found = ['python:3.12-slim', 'reg.local/org/app', 'busybox:1', 'quay.io/x/y:1'];
  expect(externalImages(dockerfile, { REGISTRY: 'reg.local' })).toEqual(found);
});
