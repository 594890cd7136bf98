import { expect, test } from 'vitest';
import { requestHeaders, responseHeaders } from './headers.ts';

test('keys, cookies and addressing stay with the server', () => {
  const sent = requestHeaders(
    {
      authorization: 'Bearer secret',
      cookie: 'session=secret',
      'x-tensorlake-sandbox-id': 'a',
      'x-forwarded-for': '10.0.0.1',
      'x-forwarded-project-id': 'p',
      referer: 'http://localhost/default/sandboxes/a/terminal?token=secret',
      accept: 'text/event-stream',
    },
    'agent-token',
  );
  expect(sent).toEqual({ accept: 'text/event-stream', 'x-atoll-token': 'agent-token' });
});

test('a client cannot set the token of the agent', () => {
  expect(requestHeaders({ 'x-atoll-token': 'forged' }, 'real')['x-atoll-token']).toBe('real');
});

test('headers of one hop end at the gateway, also those that Connection names', () => {
  const headers = {
    connection: 'keep-alive, x-hop',
    'x-hop': '1',
    'transfer-encoding': 'chunked',
    'content-type': 'a/b',
  };
  expect(responseHeaders(headers)).toMatchObject({ 'content-type': 'a/b' });
  expect(Object.keys(responseHeaders(headers))).not.toContain('x-hop');
  expect(requestHeaders({ ...headers, te: 'trailers' }, 't')).toEqual({
    'content-type': 'a/b',
    'transfer-encoding': 'chunked',
    'x-atoll-token': 't',
  });
});

test('Connection cannot take off what frames and addresses a request', () => {
  const headers = { connection: 'content-length, host', 'content-length': '5', host: 'a.local' };
  expect(requestHeaders(headers, 't')).toEqual({
    'content-length': '5',
    host: 'a.local',
    'x-atoll-token': 't',
  });
});

test('a policy of the sandbox stands beside the one that isolates its page, and never in its place', () => {
  expect(responseHeaders({ 'content-security-policy': "default-src 'self'" })).toMatchObject({
    'content-security-policy': expect.stringMatching(/^default-src 'self', sandbox (?!.*allow-same-origin)/),
  });
});
