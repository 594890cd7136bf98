import { updateSandboxBody } from '@atoll/protocol';
import { expect, test } from 'vitest';
import { requireSupportedUpdate } from './sandbox-request.ts';

const update = (body: object, internet: boolean) => () =>
  requireSupportedUpdate(updateSandboxBody.parse(body), { internet });

test.each([
  [{ network: { allow_internet_access: true } }, true],
  [{ network: { allow_internet_access: false, allow_out: [], deny_out: [] } }, false],
  [{ network: null, exposed_ports: [80], allow_unauthenticated_access: false }, true],
  [{ name: 'new' }, false],
])('an update to %j is taken where the internet is %s already', (body, internet) => {
  expect(update(body, internet)).not.toThrow();
});

test.each([
  [{ network: { allow_internet_access: true } }, false, 'network.allow_internet_access'],
  [{ network: { allow_internet_access: false } }, true, 'network.allow_internet_access'],
  [{ network: { allow_out: ['10.0.0.0/8'] } }, true, 'network.allow_out'],
])(
  'an update to %j where the internet is %s is refused by the name of its field',
  (body, internet, field) => {
    expect(update(body, internet)).toThrow(`${field} is not supported`);
  },
);
