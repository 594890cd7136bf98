import { mkdtemp, readFile, rm, utimes, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { withSandboxApi } from './image-definition.ts';
import { ImageInstance } from './image-instance.ts';

const from = (base = 'base') => ImageInstance.fromRegistry(base);
const lineOf = (image: ImageInstance) => image.dockerfile.split('\n').slice(1, -1).join('\n');

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-image-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test.each<[string, (image: ImageInstance) => ImageInstance, string]>([
  ['workdir', (i) => i.workdir('/app'), 'WORKDIR /app'],
  ['runCommands', (i) => i.runCommands('a', 'b'), 'RUN a\nRUN b'],
  ['pipInstall', (i) => i.pipInstall('requests', 'numpy>=1.20'), 'RUN pip install requests numpy>=1.20'],
  [
    'pipInstall with all options',
    (i) =>
      i.pipInstall(
        { findLinks: 'F', indexUrl: 'I', extraIndexUrl: 'E', pre: true, extraOptions: '--no-deps  -v' },
        'p',
      ),
    'RUN pip install --find-links F --index-url I --extra-index-url E --pre --no-deps -v p',
  ],
  ['uvInstall', (i) => i.uvInstall('a', 'b'), 'RUN uv pip install --system a b'],
  [
    'uvInstall with options',
    (i) => i.uvInstall({ system: false, upgrade: true }, 'a'),
    'RUN uv pip install --upgrade a',
  ],
  ['pipxInstall', (i) => i.pipxInstall('black', 'ruff'), 'RUN pipx install black && pipx install ruff'],
  [
    'aptInstall',
    (i) => i.aptInstall('git', 'curl'),
    'RUN apt-get update && apt-get install -y --no-install-recommends git curl && rm -rf /var/lib/apt/lists/*',
  ],
  [
    'aptInstall with options',
    (i) => i.aptInstall({ update: false, clean: false }, 'git'),
    'RUN apt-get install -y --no-install-recommends git',
  ],
  ['apkAdd', (i) => i.apkAdd('git', 'curl'), 'RUN apk add --no-cache git curl'],
  [
    'apkAdd without noCache',
    (i) => i.apkAdd({ noCache: false }, 'git'),
    'RUN apk update && apk add git && rm -rf /var/cache/apk/*',
  ],
  ['npmInstall of a project', (i) => i.npmInstall(), 'RUN npm install'],
  ['npmInstall', (i) => i.npmInstall('express', 'typescript'), 'RUN npm install express typescript'],
  [
    'npmInstall with options',
    (i) => i.npmInstall({ globalInstall: true, saveDev: true }, 'turbo'),
    'RUN npm install -g --save-dev turbo',
  ],
  ['yarn', (i) => i.npmInstall({ packageManager: 'yarn', saveDev: true }, 'a'), 'RUN yarn add --dev a'],
  [
    'yarn global',
    (i) => i.npmInstall({ packageManager: 'yarn', globalInstall: true, saveDev: true }, 'a'),
    'RUN yarn global add a',
  ],
  [
    'pnpm',
    (i) => i.npmInstall({ packageManager: 'pnpm', globalInstall: true, saveDev: true }, 'a'),
    'RUN pnpm add -g -D a',
  ],
  ['bun', (i) => i.npmInstall({ packageManager: 'bun', saveDev: true }, 'a'), 'RUN bun add -d a'],
  ['bun of a project', (i) => i.npmInstall({ packageManager: 'bun' }), 'RUN bun install'],
  ['gemInstall', (i) => i.gemInstall('rails', 'bundler'), 'RUN gem install --no-document rails bundler'],
  ['gemInstall with documents', (i) => i.gemInstall({ noDocument: false }, 'a'), 'RUN gem install a'],
  [
    'cargoInstall',
    (i) => i.cargoInstall({ locked: true }, 'cargo-watch', 'cargo-edit'),
    'RUN cargo install --locked cargo-watch cargo-edit',
  ],
  ['goInstall', (i) => i.goInstall('a@latest', 'b'), 'RUN go install a@latest && go install b'],
  ['composerInstall', (i) => i.composerInstall('a/b', 'c/d'), 'RUN composer require a/b c/d'],
  [
    'composerInstall of a project',
    (i) => i.composerInstall({ noDev: true, optimizeAutoloader: true }),
    'RUN composer install --no-dev --optimize-autoloader',
  ],
  ['env', (i) => i.env({ A: '1', B: 'x y' }), 'ENV A="1"\nENV B="x y"'],
  ['label', (i) => i.label({ version: '1.0' }), 'LABEL version="1.0"'],
  ['copy', (i) => i.copy('src', '/app/src'), 'COPY src /app/src'],
  ['addLocalFile', (i) => i.addLocalFile('./a/config.json', '/app/c.json'), 'COPY config.json /app/c.json'],
  ['addLocalDir', (i) => i.addLocalDir('./src', '/app/src', 'code'), 'COPY code /app/src'],
  ['expose', (i) => i.expose(3000, 8080), 'EXPOSE 3000\nEXPOSE 8080'],
  ['user', (i) => i.user('appuser'), 'USER appuser'],
  ['arg', (i) => i.arg('A').arg('B', 'c'), 'ARG A\nARG B=c'],
  [
    'entrypoint',
    (i) => i.entrypoint('python', '-c', 'print("hi")'),
    'ENTRYPOINT ["python", "-c", "print(\\"hi\\")"]',
  ],
])('%s', (_name, change, lines) => {
  expect(lineOf(change(from()))).toBe(lines);
});

test('nothing to install, expose, set or start changes nothing', () => {
  const image = from();
  const same = [
    image.pipInstall(),
    image.aptInstall({ clean: false }),
    image.apkAdd(),
    image.gemInstall(),
    image.cargoInstall(),
    image.goInstall(),
    image.pipxInstall(),
    image.uvInstall(),
    image.expose(),
    image.env({}),
    image.label({}),
    image.entrypoint(),
  ];
  expect(same.map(({ dockerfile }) => dockerfile)).toEqual(same.map(() => 'FROM base\n'));
});

test('a branch leaves what it came from as it was', () => {
  const base = from('python:3.11-slim').aptInstall('git');
  const web = base.pipInstall('fastapi').expose(8000);
  expect(base.dockerfile).toBe(
    'FROM python:3.11-slim\nRUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*\n',
  );
  expect(web.dockerfile).toBe(`${base.dockerfile}RUN pip install fastapi\nEXPOSE 8000\n`);
  expect(web.baseImage).toBe('python:3.11-slim');
  expect(web.hash).toMatch(/^[0-9a-f]{12}$/);
  expect(web.hash).not.toBe(base.hash);
  expect(from().workdir('/a').hash).toBe(from().workdir('/a').hash);
});

test('a command of several lines is refused, unless a backslash joins them', () => {
  expect(() => from().runCommands('a\nb').dockerfile).toThrow('instruction count mismatch');
  expect(lineOf(from().runCommands('a && \\\n  b'))).toBe('RUN a && \\\n  b');
});

test('an unknown package manager is refused by name', () => {
  const packageManager = 'cargo' as 'npm';
  expect(() => from().npmInstall({ packageManager }, 'x')).toThrow('Invalid package manager: cargo');
});

test('local files are written beside the Dockerfile and count for the hash', async () => {
  const dir = await folder();
  const file = join(dir, 'server.mjs');
  await writeFile(file, 'one');
  await mkdir(join(dir, 'src', 'deep'), { recursive: true });
  await writeFile(join(dir, 'src', 'deep', 'a.ts'), 'a');
  const image = from().addLocalFile(file, '/app/s.mjs').addLocalDir(join(dir, 'src'), '/app/src', 'code');
  const before = image.hash;
  const out = image.write(dir, 'built');
  expect(out).toBe(join(dir, 'built'));
  expect(await readFile(join(out, 'server.mjs'), 'utf8')).toBe('one');
  expect(await readFile(join(out, 'code', 'deep', 'a.ts'), 'utf8')).toBe('a');
  expect(await readFile(join(out, 'Dockerfile'), 'utf8')).toBe(image.dockerfile);
  const manifest = { base_image: 'base', hash: before, instructions_count: 2, local_files_count: 2 };
  expect(await readFile(join(out, 'manifest.json'), 'utf8')).toBe(JSON.stringify(manifest, null, 2));
  await utimes(file, 1, 1);
  expect(image.hash).not.toBe(before);
  await rm(file);
  expect(() => image.hash).toThrow(`Local file not found: ${file}`);
});

test('what is built gets the sandbox API, unless it has it, and starts it, unless it starts something', () => {
  const plain = { baseImage: 'base', instructions: ['RUN x'], localSources: [], hasEntrypoint: false };
  const api = 'COPY --from=ghcr.io/blaxel-ai/sandbox:v2 /sandbox-api /usr/local/bin/sandbox-api';
  const start = 'ENTRYPOINT ["/usr/local/bin/sandbox-api"]';
  expect(withSandboxApi(plain, 'v2').instructions).toEqual(['RUN x', api, start]);
  const own = { ...plain, instructions: ['COPY sandbox-api /x', 'ENTRYPOINT ["/x"]'], hasEntrypoint: true };
  expect(withSandboxApi(own, 'v2').instructions).toEqual(own.instructions);
});
