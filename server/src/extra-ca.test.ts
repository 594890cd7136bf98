import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/fixtures/temp-dir.ts';
import { ConfigError } from './config-error.ts';
import { requireCertificates } from './extra-ca.ts';

const [first = '', second = ''] = rootCertificates;

const fileWith = async (text: string): Promise<string> => {
  const path = join(await tempDir(), 'ca.pem');
  await writeFile(path, text);
  return path;
};

test('certificates with text around them are taken', async () => {
  const path = await fileWith(`# ours\n${first}\n${second}\n`);
  expect(() => requireCertificates(path)).not.toThrow();
});

test.each([
  ['no certificate', 'hello'],
  ['a damaged certificate', `${first}\n${second.replace(/\n.{40}/, '\nAAAA')}`],
])('a file with %s is refused', async (_what, text) => {
  const path = await fileWith(text);
  expect(() => requireCertificates(path)).toThrow(ConfigError);
});

test('a file that is not there is refused', () => {
  expect(() => requireCertificates('/nowhere/ca.pem')).toThrow('cannot be read');
});
