import { createSandboxBody } from '@atoll/protocol';
import { expect, test } from 'vitest';
import { toNetworkRules } from './sandbox-request.ts';

test.each([
  [undefined, { internet: true, allowOut: [], denyOut: [] }],
  [null, { internet: true, allowOut: [], denyOut: [] }],
  [{ allow_internet_access: false }, { internet: false, allowOut: [], denyOut: [] }],
  [{ allow_out: ['1.1.1.1'] }, { internet: true, allowOut: ['1.1.1.1'], denyOut: [] }],
])('the network %j means the rules %j', (network, rules) => {
  expect(toNetworkRules(createSandboxBody.parse({ network }).network)).toEqual(rules);
});
