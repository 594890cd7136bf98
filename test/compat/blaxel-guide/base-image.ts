import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { build } from '../../fixtures/build.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { IMAGE } from '../blaxel/calls.ts';

/** Package managers of the guide. In the stand-in they note what they were asked for, and install nothing. */
const managers = 'apt-get apk pip uv npm yarn pnpm bun gem cargo go composer pipx';

const NOTE = '#!/bin/sh\necho "${0##*/} $*" >> /installed\n';

/** Images of public registries that the guide builds on. */
const baseImages = [
  'golang:1.22',
  'node:20',
  'node:20-alpine',
  'node:20-bookworm-slim',
  'php:8.3-cli',
  'python:3.11',
  'python:3.11-slim',
  'python:3.12-slim',
  'ruby:3.2',
  'rust:1.75',
  'ubuntu:22.04',
];

/** Makes one image under all names of the images that the guide builds on: its own lines stay as they are. */
export async function standInBaseImages(server: TestServer, dir: string): Promise<void> {
  await mkdir(dir);
  await writeFile(join(dir, 'note'), NOTE);
  await chmod(join(dir, 'note'), 0o755);
  const link = `RUN for name in ${managers}; do ln -s note /usr/local/bin/$name; done`;
  await writeFile(join(dir, 'Dockerfile'), `FROM ${IMAGE}\nCOPY note /usr/local/bin/\n${link}\n`);
  const built = await build(server, { name: 'guide-base' }, dir);
  expect(built.build.failure).toBeUndefined();
  for (const name of baseImages) {
    const body = JSON.stringify({ name });
    const answer = await server.fetch('/v1/images/guide-base/tags', { method: 'POST', body });
    expect([name, answer.status]).toEqual([name, 201]);
  }
}
