import { expect, test } from 'vitest';
import { withSandboxApi } from './sandbox-api.ts';

test('a Dockerfile without the program gets it at its end', () => {
  expect(withSandboxApi('FROM debian-minimal\nCMD ["bash"]')).toBe(
    'FROM debian-minimal\nCMD ["bash"]\n' +
      'COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api\n',
  );
});

test.each([
  'FROM a\nCOPY --from=ghcr.io/blaxel-ai/sandbox:v1 /sandbox-api /usr/local/bin/sandbox-api',
  'FROM blaxel-ai/sandbox',
  'FROM a\nENTRYPOINT ["/opt/sandbox-api"]',
])('one that names it is left as it is: %s', (dockerfile) => {
  expect(withSandboxApi(dockerfile)).toBeUndefined();
});
