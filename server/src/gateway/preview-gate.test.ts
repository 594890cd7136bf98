import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import type { Preview } from '../store/preview-store.ts';
import { createPreviewGate, previewRequestHeaders, tokenCookie } from './preview-gate.ts';

const preview: Preview = {
  id: 'abc',
  workspaceId: 'w',
  sandboxId: 's',
  name: 'p',
  port: 3000,
  isPublic: false,
  expiresAt: 2000,
  requestHeaders: {},
  responseHeaders: {},
  createdAt: 0,
  updatedAt: 0,
  createdBy: 'me',
};
const gateTo = (now: Preview | undefined) =>
  createPreviewGate({
    byId: () => now,
    findToken: (_preview, shown) =>
      shown === 'good' ? { name: 't', nonce: 'n', expiresAt: 1000 } : undefined,
  });
const ask = (url: string, headers: IncomingMessage['headers'] = {}): IncomingMessage =>
  ({ method: 'GET', url, headers, headersDistinct: {} }) as IncomingMessage; // all that is read

test('who comes in may stay until the first of preview and token ends', () => {
  expect(gateTo(preview)(ask('/?bl_preview_token=good'), preview)).toEqual({ endsAt: 1000 });
  expect(gateTo({ ...preview, isPublic: true })(ask('/'), preview)).toEqual({ endsAt: 2000 });
});

test.each([
  ['a preview that has ended', undefined],
  ['a preview that has become one of another port', { ...preview, port: 3001 }],
])('%s lets nobody stay', (_what, now) => {
  expect(() => gateTo(now)(ask('/?bl_preview_token=good'), preview)).toThrow('this preview has ended');
});

test.each(['a%0d%0aset-cookie:b=c', 'a;Domain=example.com', '%E2%82%AC', ''])(
  'what a link has in the place of a token (%s) becomes no cookie',
  (shown) => {
    const request = ask(`/?bl_preview_token=${shown}`);
    expect(tokenCookie(request, preview, '', false)).toEqual({});
    expect(() => gateTo(preview)(request, preview)).toThrow('this preview is private');
  },
);

test('the server in the sandbox does not get the token as the address of the page that asks', () => {
  const request = ask('/', { referer: 'http://host/preview/abc/?a=1&bl_preview_token=good' });
  expect(previewRequestHeaders(request, preview)).toEqual({ referer: 'http://host/preview/abc/?a=1' });
});
