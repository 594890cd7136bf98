import { expect, test } from 'vitest';
import { AdminClient } from '@atoll/sdk';
import type { WorkspaceEvent } from '@atoll/sdk';
import { call, createSandbox } from '../fixtures/api.ts';
import { useServer } from '../fixtures/server.ts';

const server = useServer({ runtime: 'fake' });

const following = (options: { after?: number; apiKey?: string } = {}) => {
  const { after, apiKey = server().apiKey } = options;
  return new AdminClient({ apiUrl: server().url, apiKey }).events({
    after,
    signal: AbortSignal.timeout(20_000),
  });
};

async function next(events: AsyncGenerator<WorkspaceEvent>): Promise<WorkspaceEvent> {
  const { value } = await events.next();
  return value as WorkspaceEvent; // a stream without an end
}

/** Reads until an event is what is waited for. */
async function until(events: AsyncGenerator<WorkspaceEvent>, wanted: object): Promise<WorkspaceEvent> {
  for (;;) {
    const event = await next(events);
    if (matches(event, wanted)) return event;
  }
}

function matches(event: WorkspaceEvent, wanted: object): boolean {
  try {
    expect(event).toMatchObject(wanted);
    return true;
  } catch {
    return false;
  }
}

test('whoever follows a workspace sees a sandbox come and go, in the words of the API', async () => {
  const events = following();
  expect(await next(events)).toMatchObject({ kind: 'following' });
  const id = await createSandbox(server(), { name: 'seen' });
  await until(events, { kind: 'sandbox', target: id, now: { id, name: 'seen', status: 'running' } });
  await call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
  await until(events, { kind: 'sandbox', target: id, now: { status: 'terminated' } });
  await events.return(undefined);
});

test('a reader goes on behind the last event that it saw', async () => {
  const events = following();
  const { id: seen } = await next(events);
  await events.return(undefined);
  const sandboxId = await createSandbox(server(), {});
  await call(server(), `/sandboxes/${sandboxId}`, { method: 'DELETE' });
  const resumed = following({ after: seen });
  expect(await next(resumed)).toEqual({ id: seen, kind: 'following' });
  await until(resumed, { kind: 'sandbox', target: sandboxId, now: { status: 'terminated' } });
  await resumed.return(undefined);
});

test('who has missed too much is told so', async () => {
  const events = following({ after: 1_000_000_000 });
  expect(await next(events)).toMatchObject({ kind: 'lost' });
  await events.return(undefined);
});

test('a key that ends, ends its stream', async () => {
  const made = await call(server(), '/v1/keys', { body: { name: 'watcher', role: 'viewer' } });
  const { value, key } = made.body as { value: string; key: { id: string } }; // the route's own schema
  const events = following({ apiKey: value });
  await next(events);
  await call(server(), `/v1/keys/${key.id}`, { method: 'DELETE' });
  await expect(events.next()).rejects.toMatchObject({ code: 'unauthenticated' });
});

test('another workspace hears nothing', async () => {
  const account = await call(server(), '/v1/accounts', {
    body: { name: 'others', workspace: 'others', ownerName: 'Owner' },
  });
  const { apiKey } = account.body as { apiKey: string }; // the route's own schema
  const theirs = following({ apiKey });
  await next(theirs);
  const mine = await createSandbox(server(), {});
  const own = await createSandbox({ url: server().url, apiKey }, {});
  const heard = await next(theirs);
  expect(heard).toMatchObject({ kind: 'sandbox', target: own });
  expect(heard).not.toMatchObject({ target: mine });
  await theirs.return(undefined);
  await call({ url: server().url, apiKey }, `/sandboxes/${own}`, { method: 'DELETE' });
});

test('a number that is none is refused', async () => {
  const response = await fetch(`${server().url}/v1/events`, {
    headers: { authorization: `Bearer ${server().apiKey}`, 'last-event-id': 'yesterday' },
  });
  expect(response.status).toBe(400);
});
