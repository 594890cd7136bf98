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
  expect(responseHeaders(headers)).toEqual({ 'content-type': 'a/b' });
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
