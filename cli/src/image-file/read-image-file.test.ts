import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isImageFile, readImageFile } from './read-image-file.ts';

async function imageFile(name: string, content: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-image-file-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

let printed = '';
const output = { writeError: async (text: string) => void (printed += text) };

const read = async (name: string, content: string, imageName?: string): Promise<string> => {
  printed = '';
  const { signal } = new AbortController();
  const path = await imageFile(name, content);
  const image = await readImageFile(path, imageName, { env: process.env, signal, output });
  return `${image.name}: ${image.toDockerfile()}`;
};

const typescript = `
import { Image } from 'tensorlake';
interface Base { name: string }
const base: Base = { name: 'tools' };
console.log('printed by the file');
export const image = new Image({ ...base, baseImage: 'debian:13' }).run('make').env('A', 'b');
`;
const python = `
from tensorlake import Image, function, application

image = Image(name="tools", base_image="debian:13").run("make").env("A", "b")

@application()
@function(image=image)
def handle(text: str) -> str:
    return text
`;
const expected = 'tools: FROM debian:13\nRUN make\nENV A="b"\n';

test('a Dockerfile by any name is no image file', () => {
  const names = ['image.ts', 'image.mjs', 'image.py', 'Dockerfile', 'py.Dockerfile', 'Dockerfile.dev'];
  expect(names.map(isImageFile)).toEqual([true, true, true, false, false, false]);
});

test('images that TypeScript and JavaScript export are read, whatever the file prints', async () => {
  expect(await read('image.ts', typescript)).toBe(expected);
  expect(printed).toBe('printed by the file\n');
  const own =
    "import { Image } from '@atoll/sdk';\nexport default Image.from('debian:13', {name:'x'}).user('me');";
  expect(await read('image.mjs', own)).toBe('x: FROM debian:13\nUSER me\n');
}, 30_000);

test('images of a Python file are read without the package', async () => {
  expect(await read('image.py', python)).toBe(expected);
}, 30_000);

test('of several images one is chosen by name', async () => {
  const two =
    "from tensorlake import Image\na = Image(name='a')\nb = Image(name='b', base_image='debian:13')\n";
  expect(await read('image.py', two, 'b')).toBe('b: FROM debian:13\n');
  await expect(read('image.py', two)).rejects.toMatchObject({ hint: 'Choose one by --image-name: a, b.' });
  await expect(read('image.py', two, 'c')).rejects.toThrow('defines no image c');
}, 30_000);

test('a file without images, and one that fails, are errors that say so', async () => {
  await expect(read('image.mjs', 'export const a = 1;')).rejects.toThrow('defines no image');
  await expect(read('image.py', 'raise ValueError("x")')).rejects.toThrow('cannot be evaluated');
  expect(printed).toContain('ValueError: x');
}, 30_000);
