import { expect, test } from 'vitest';
import { call } from '../fixtures/api.ts';
import { useServer } from '../fixtures/server.ts';

const trusting = useServer({ runtime: 'fake', args: ['--trust-proxy'] });
const wary = useServer({ runtime: 'fake' });

const headers = { 'x-forwarded-for': '198.51.100.7, 203.0.113.9' };

test.each([
  ['a proxy that is trusted names', trusting, '203.0.113.9'],
  ['nobody else names', wary, '127.0.0.1'],
])('%s the address that the audit record keeps', async (_who, server, address) => {
  await call(server(), '/v1/keys', { body: { name: 'k' }, headers });
  const { body } = await call(server(), '/v1/audit');
  const { entries } = body as { entries: { action: string; address: string }[] }; // the route's own answer
  const entry = entries.find(({ action }) => action === 'createKey');
  expect(entry?.address).toBe(address);
});
