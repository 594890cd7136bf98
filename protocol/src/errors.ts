/**
 * The one table of errors: code → status → hint. Codes are never reused for another meaning.
 * Wire bodies are `{error, code, message, hint?, request_id?}` (tensorlake wire 1.3).
 */

interface ErrorEntry {
  status: number;
  /** What the caller can do next; a throw site may give a better one. */
  hint?: string;
}

const table = {
  invalid_request: { status: 400 },
  image_in_use: { status: 400, hint: 'Terminate the sandboxes that run on it first.' },
  invalid_api_version: {
    status: 400,
    hint: 'Leave Blaxel-Version out, or send a version that the server names.',
  },
  malformed_json: { status: 400, hint: 'Send a JSON object with Content-Type: application/json.' },
  invalid_name: {
    status: 400,
    hint: 'Use a–z, 0–9 and "-", start with a letter, at most 63 characters, and not exactly 21 alphanumerics.',
  },
  invalid_resources: { status: 400 },
  invalid_network: { status: 400, hint: 'docs/network.md says what rules may be.' },
  unresolvable_host: {
    status: 400,
    hint: 'Check the name, and that the server can resolve it; the rules that held before still do.',
  },
  invalid_dockerfile: { status: 400 },
  limit_exceeded: { status: 400, hint: 'Ask for less, or raise the limit in the server settings.' },
  image_not_found: { status: 404, hint: 'See the images of this server with `atoll image ls`.' },
  unsupported: { status: 400 },
  missing_sandbox_id: { status: 400, hint: 'Address a sandbox by host name or by X-Tensorlake-Sandbox-Id.' },
  conflicting_sandbox_ids: {
    status: 400,
    hint: 'Send the host name or X-Tensorlake-Sandbox-Id, or make them agree.',
  },
  invalid_state: { status: 400 },
  unauthenticated: {
    status: 401,
    hint: 'Send `Authorization: Bearer <api key>`; `atoll login` or `atoll key create` makes one.',
  },
  forbidden: { status: 403, hint: 'Ask an admin of the workspace for a key with a higher role.' },
  secret_not_found: { status: 404, hint: 'See the secrets of your workspace with `atoll secrets ls`.' },
  route_not_found: { status: 404, hint: 'The routes of this server are at /openapi.json.' },
  sandbox_not_found: { status: 404, hint: 'See your sandboxes with `atoll sbx ls`.' },
  port_not_exposed: { status: 404, hint: 'Expose it with `atoll sbx port expose`.' },
  snapshot_not_found: { status: 404, hint: 'See your snapshots with `atoll sbx checkpoint ls`.' },
  not_found: { status: 404 },
  volume_not_found: { status: 404, hint: 'See the volumes of your workspace with `atoll fs ls`.' },
  volume_snapshot_not_found: {
    status: 404,
    hint: 'See the snapshots of a volume with `atoll fs snapshot ls`.',
  },
  volume_template_not_found: {
    status: 404,
    hint: 'See the templates of your workspace with GET /v0/volume_templates.',
  },
  volume_in_use: {
    status: 409,
    hint: 'One sandbox writes to a volume, or any number read it. Terminate the sandbox that has it first.',
  },
  pool_not_found: { status: 404, hint: 'See the pools of your workspace with `atoll pool ls`.' },
  pool_in_use: { status: 409, hint: 'Terminate the sandboxes that were claimed from it first.' },
  pool_exhausted: {
    status: 429,
    hint: 'Terminate sandboxes that were claimed from it, or raise its max_containers.',
  },
  name_taken: { status: 409, hint: 'Choose another name, or terminate the sandbox that has it.' },
  conflict: { status: 409 },
  checkpoint_unusable: {
    status: 409,
    hint: 'Its memory is of no use to this server. The files of a memory snapshot can be started even so: `atoll sbx create --snapshot ID --files-only`.',
  },
  sandbox_ended: { status: 410, hint: 'Create a new sandbox; an ended one never comes back.' },
  share_expired: { status: 410, hint: 'Ask the workspace that offered the image to share it again.' },
  body_too_large: { status: 413 },
  headers_too_large: { status: 431 },
  quota_exceeded: {
    status: 429,
    hint: 'Terminate what you no longer use, or raise the quota of the workspace.',
  },
  too_many_attempts: { status: 429, hint: 'Wait a minute, and check the secret.' },
  internal: { status: 500, hint: 'The server log has the cause under this request id.' },
  registry_denied: {
    status: 403,
    hint: 'Log in to that registry with `atoll registry login` or `docker login`, and check the name of the image.',
  },
  registry_failed: { status: 502, hint: 'Try again later, or look at the state of that registry.' },
  connection_refused: { status: 502 },
  proxy_error: { status: 502 },
  sandbox_not_running: { status: 503 },
  host_out_of_memory: { status: 503, hint: 'Terminate sandboxes, or try again later.' },
  host_out_of_disk: { status: 503, hint: 'Free disk space in the data directory.' },
  too_busy: { status: 503, hint: 'Try again later.' },
  shutting_down: { status: 503, hint: 'The server is stopping; try again shortly.' },
  start_timeout: { status: 504, hint: 'Raise the request timeout, or look at `atoll sbx describe`.' },
  upstream_timeout: { status: 504 },
  start_failed: { status: 500 },
  checkpoint_failed: {
    status: 500,
    hint: 'The sandbox goes on as it was. The server log has the cause; see that the data directory has room.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof table;

export const errorTable: Readonly<Record<ErrorCode, ErrorEntry>> = table;

/** A failure that a client may see. Anything else that is thrown reaches it as `internal`. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, { cause: options.cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = errorTable[code].status;
    this.hint = options.hint ?? errorTable[code].hint;
  }
}
