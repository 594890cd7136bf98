import type { ServerResponse } from 'node:http';
import { ApiError } from '@atoll/protocol';
import { RegistryError } from '../../image/registry/registry-error.ts';
import type { RegistryErrorKind } from '../../image/registry/registry-error.ts';

interface OciEntry {
  status: number;
  /** As the spec has it; where it has none, as other registries do. */
  code: string;
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
const table: Readonly<Record<RegistryErrorKind, OciEntry>> = {
  blob_unknown: { status: 404, code: 'BLOB_UNKNOWN' },
  blob_upload_invalid: { status: 400, code: 'BLOB_UPLOAD_INVALID' },
  blob_upload_unknown: { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
  digest_invalid: { status: 400, code: 'DIGEST_INVALID' },
  manifest_blob_unknown: { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' },
  manifest_invalid: { status: 400, code: 'MANIFEST_INVALID' },
  manifest_unknown: { status: 404, code: 'MANIFEST_UNKNOWN' },
  name_invalid: { status: 400, code: 'NAME_INVALID' },
  name_unknown: { status: 404, code: 'NAME_UNKNOWN' },
  size_invalid: { status: 400, code: 'SIZE_INVALID' },
  too_large: { status: 413, code: 'SIZE_INVALID' },
  range_invalid: { status: 416, code: 'BLOB_UPLOAD_INVALID' },
  pagination_number_invalid: { status: 400, code: 'PAGINATION_NUMBER_INVALID' },
  busy: { status: 409, code: 'BLOB_UPLOAD_INVALID' },
  disk_full: { status: 507, code: 'UNAVAILABLE' },
  too_many_requests: { status: 429, code: 'TOOMANYREQUESTS' },
  unsupported: { status: 405, code: 'UNSUPPORTED' },
  denied: { status: 403, code: 'DENIED' },
};

export interface OciFailure extends OciEntry {
  message: string;
  detail?: unknown;
}

/** What a client of the registry may see of an error; absent for what is the server's own fault. */
export function toOciFailure(error: unknown): OciFailure | undefined {
  if (error instanceof RegistryError) {
    const detail = error.detail === undefined ? {} : { detail: error.detail };
    return { ...table[error.kind], message: error.message, ...detail };
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    return { ...table.disk_full, message: 'the disk of the server is full' };
  }
  if (!(error instanceof ApiError) || error.code === 'internal') return undefined;
  return { status: error.status, code: codeOf(error), message: error.message };
}

function codeOf({ code, status }: ApiError): string {
  if (code === 'unauthenticated') return 'UNAUTHORIZED';
  if (status === 403 || code === 'conflict') return 'DENIED';
  return status === 404 ? 'NAME_UNKNOWN' : 'UNSUPPORTED';
}

/** Error bodies have the form of the spec; a missing key is answered with how to send one. */
export function sendOciFailure(
  response: ServerResponse,
  { status, code, message, detail }: OciFailure,
  headers: Readonly<Record<string, string>> = {},
): void {
  const error = { code, message, ...(detail !== undefined && { detail }) };
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(status === 401 && { 'www-authenticate': 'Basic realm="Atoll"' }),
    ...((status === 429 || status === 503) && { 'retry-after': '5' }),
    ...headers,
  });
  response.end(JSON.stringify({ errors: [error] }));
}
