import { expect, test } from 'vitest';
import { chosenProtocol, withTerminalToken } from './terminal-protocol.ts';

const page = { 'sec-websocket-protocol': 'atoll-pty, s3cret', origin: 'http://a' };

test('a token that is named as a protocol reaches the agent as its header alone', () => {
  expect(withTerminalToken(page)).toEqual({ 'x-pty-token': 's3cret', origin: 'http://a' });
});

test('the answer to a page chooses the protocol and never repeats the token', () => {
  expect(chosenProtocol(page)).toEqual({ 'sec-websocket-protocol': 'atoll-pty' });
});

test.each([{}, { 'sec-websocket-protocol': 'chat' }, { 'sec-websocket-protocol': 'atoll-pty' }])(
  'other protocols are left as they are: %j',
  (headers) => {
    expect(withTerminalToken(headers)).toBe(headers);
    expect(chosenProtocol(headers)).toEqual({});
  },
);
