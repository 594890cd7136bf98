import type { TestServer } from '../fixtures/server.ts';

/** One call and what became of it; `undefined` where the server was gone. */
export interface Outcome {
  call: string;
  status: number;
  body: string;
}

const SANDBOXES = '/v1/namespaces/default/sandboxes';
const CALL_TIMEOUT_MS = 120_000;

/** The calls of the chaos clients, as plain HTTP: no library repeats them behind the test's back. */
export function createCalls(server: TestServer, signal?: AbortSignal) {
  const call = async (method: string, path: string, init: RequestInit = {}): Promise<Outcome | undefined> => {
    const limit = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const all = signal ? AbortSignal.any([limit, signal]) : limit;
    try {
      const answer = await server.fetch(path, { method, signal: all, ...init });
      return { call: `${method} ${path}`, status: answer.status, body: await answer.text() };
    } catch (error) {
      if (limit.aborted)
        throw new Error(`${method} ${path} took longer than ${CALL_TIMEOUT_MS} ms`, { cause: error });
      return undefined;
    }
  };
  const onSandbox = (id: string) => ({ 'x-tensorlake-sandbox-id': id });
  return {
    create: (name?: string) => {
      const resources = { cpus: 1, memory_mb: 256, disk_mb: 1024 };
      return call('POST', SANDBOXES, { body: JSON.stringify({ resources, ...(name && { name }) }) });
    },
    run: (id: string, script: string) => {
      const body = JSON.stringify({ command: '/bin/sh', args: ['-c', script] });
      return call('POST', '/api/v1/processes/run', { headers: onSandbox(id), body });
    },
    runAsRoot: (id: string, script: string) => {
      const body = JSON.stringify({ command: '/bin/sh', args: ['-c', script], user: 'root' });
      return call('POST', '/api/v1/processes/run', { headers: onSandbox(id), body });
    },
    health: (id: string) => call('GET', '/api/v1/health', { headers: onSandbox(id) }),
    write: (id: string, content: string) =>
      call('PUT', '/api/v1/files?path=/tmp/chaos', { headers: onSandbox(id), body: content }),
    rename: (id: string, name: string) =>
      call('PATCH', `${SANDBOXES}/${id}`, { body: JSON.stringify({ name }) }),
    terminate: (id: string) => call('DELETE', `${SANDBOXES}/${id}`),
    get: (id: string) => call('GET', `${SANDBOXES}/${id}`),
    /** With `waits` it is answered when it is done. */
    suspend: (id: string, waits = false) =>
      call('POST', `${SANDBOXES}/${id}/suspend`, { headers: preferring(waits) }),
    resume: (id: string) => call('POST', `${SANDBOXES}/${id}/resume`),
    copy: (id: string) => call('POST', `${SANDBOXES}/${id}/copy?times=1`),
    snapshot: (id: string, kind: 'filesystem' | 'memory', waits = false) =>
      call('POST', `${SANDBOXES}/${id}/snapshot`, {
        headers: preferring(waits),
        body: JSON.stringify({ snapshot_type: kind }),
      }),
    rollback: (id: string, snapshotId: string) =>
      call('POST', `/sandboxes/${id}/rollback`, { body: JSON.stringify({ snapshot_id: snapshotId }) }),
    restore: (snapshotId: string) =>
      call('POST', SANDBOXES, { body: JSON.stringify({ snapshot_id: snapshotId }) }),
    snapshots: () => call('GET', '/snapshots'),
    removeSnapshot: (id: string) => call('DELETE', `/snapshots/${id}`),
  };
}

const preferring = (waits: boolean): Record<string, string> => (waits ? { prefer: 'wait=50' } : {});

export type Calls = ReturnType<typeof createCalls>;

/** The id in the answer to a create (wire 1.4). */
export const idOf = (outcome: Outcome | undefined): string | undefined =>
  outcome?.status === 200 ? (JSON.parse(outcome.body) as { sandbox_id: string }).sandbox_id : undefined;
