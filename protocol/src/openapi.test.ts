import { expect, test } from 'vitest';
import { openApiDocument } from './openapi.ts';
import { controlRoutes, dataPlaneRoutes } from './routes.ts';
import { errorTable } from './errors.ts';

const routes = [...controlRoutes, ...dataPlaneRoutes];

test('every route has an id of its own', () => {
  const ids = routes.map((route) => route.id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('no two routes share a method and a path', () => {
  const keys = routes.flatMap((route) =>
    route.paths.map((path) => `${route.method} ${path.replace(/\{\w+\}/g, '{}')}`),
  );
  expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
});

test('every route is an operation of the OpenAPI document', () => {
  const document = openApiDocument(routes, '0.0.0');
  const operations = Object.values(document['paths'] as Record<string, object>).flatMap((item) =>
    Object.values(item),
  );
  expect(operations).toHaveLength(routes.length);
});

test('only these routes need no key', () => {
  const open = controlRoutes.filter((route) => route.access === 'public').map((route) => route.paths[0]);
  expect(open.toSorted()).toEqual([
    '/healthz',
    '/platform/cli/login/exchange',
    '/platform/cli/login/poll',
    '/platform/cli/login/start',
    '/v0/login/device',
    '/v0/oauth/token',
    '/v0/uploads/{token}',
  ]);
});

test('the error table is what COMPATIBILITY.md promises', () => {
  const codes = Object.entries(errorTable).map(([code, { status }]) => `${status} ${code}`);
  expect(codes.toSorted()).toMatchInlineSnapshot(`
    [
      "400 conflicting_sandbox_ids",
      "400 image_in_use",
      "400 invalid_api_version",
      "400 invalid_dockerfile",
      "400 invalid_name",
      "400 invalid_network",
      "400 invalid_request",
      "400 invalid_resources",
      "400 invalid_state",
      "400 limit_exceeded",
      "400 malformed_json",
      "400 missing_sandbox_id",
      "400 unresolvable_host",
      "400 unsupported",
      "401 unauthenticated",
      "403 forbidden",
      "403 registry_denied",
      "404 image_not_found",
      "404 not_found",
      "404 pool_not_found",
      "404 port_not_exposed",
      "404 route_not_found",
      "404 sandbox_not_found",
      "404 secret_not_found",
      "404 snapshot_not_found",
      "404 volume_not_found",
      "404 volume_snapshot_not_found",
      "404 volume_template_not_found",
      "409 checkpoint_unusable",
      "409 conflict",
      "409 name_taken",
      "409 pool_in_use",
      "409 volume_in_use",
      "410 sandbox_ended",
      "410 share_expired",
      "413 body_too_large",
      "429 pool_exhausted",
      "429 quota_exceeded",
      "429 too_many_attempts",
      "431 headers_too_large",
      "500 checkpoint_failed",
      "500 internal",
      "500 start_failed",
      "502 connection_refused",
      "502 proxy_error",
      "502 registry_failed",
      "503 host_out_of_disk",
      "503 host_out_of_memory",
      "503 sandbox_not_running",
      "503 shutting_down",
      "503 too_busy",
      "504 start_timeout",
      "504 upstream_timeout",
    ]
  `);
});
