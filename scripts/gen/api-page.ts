import { errorTable } from '@atoll/protocol';
import type { Route } from '@atoll/protocol';
import { block, code, generatedNote, page, table } from './page.ts';
import { typeText } from './type-text.ts';

/** docs/reference/api.md: every route with what it takes, answers and refuses. */
export function apiPage(control: readonly Route[], dataPlane: readonly Route[]): string {
  return page([
    generatedNote('protocol/src'),
    '# HTTP API',
    'Every request but the public ones carries `Authorization: Bearer <api key>`. The same as an OpenAPI 3.1 document: [openapi.json](openapi.json), or `/openapi.json` of a running server. Errors: [errors.md](errors.md).',
    '## Routes',
    index([...control, ...dataPlane]),
    '## Control plane',
    'Answered by the server itself. A body is JSON of at most 1 MiB; unknown fields are ignored. `{ns}` is a workspace by name or id; `default` is the workspace of the key.',
    ...byTag(control),
    '## Data plane',
    'Answered by the agent in a sandbox. The sandbox is named by `Host: ID.local` (or a name, or the same below the base domain of the server) or by the header `X-Tensorlake-Sandbox-Id`; both may be given if they mean the same one.',
    ...byTag(dataPlane),
  ]);
}

const index = (routes: readonly Route[]): string =>
  table(
    ['Route', 'What it does', 'Role'],
    routes.map((route) => [
      `[${code(`${route.method} ${route.paths[0]}`)}](#${route.id.toLowerCase()})`,
      route.summary,
      route.access,
    ]),
  );

function byTag(routes: readonly Route[]): string[] {
  const tags = [...new Set(routes.map(({ tag }) => tag))];
  return tags.flatMap((tag) => [
    `### ${tag}`,
    ...routes.filter((route) => route.tag === tag).flatMap(describeRoute),
  ]);
}

function describeRoute(route: Route): string[] {
  const [path, ...otherPaths] = route.paths;
  const also = otherPaths.length === 0 ? '' : `, also at ${otherPaths.map(code).join(', ')}`;
  const access = route.access === 'public' ? 'no key' : `role ${route.access}`;
  return [
    `#### ${route.id}`,
    `${route.summary}.`,
    `${code(`${route.method} ${path}`)}${also}; ${access}; answers ${route.status}.`,
    typed('Path', route.params, 'input'),
    typed('Query', route.query, 'input'),
    bodyOf(route),
    answerOf(route),
    errorsOf(route),
  ].filter((text) => text !== '');
}

const typed = (title: string, schema: Route['body'], io: 'input' | 'output'): string =>
  schema ? `${title}:\n\n${block('ts', typeText(schema, io))}` : '';

/** A `stream` route without an answer is one that takes raw bytes too. */
const bodyOf = (route: Route): string =>
  route.bodyKind === 'stream' || (route.responseKind === 'stream' && route.status === 204)
    ? 'The body is raw bytes.'
    : typed('Body', route.body, 'input');

const answerOf = (route: Route): string =>
  route.responseKind === 'stream' && route.status === 200
    ? 'The answer is a stream.'
    : typed('Answer', route.response, 'output');

const errorsOf = ({ errors }: Route): string =>
  errors.length === 0
    ? ''
    : `Errors: ${errors.map((error) => `${code(error)} (${errorTable[error].status})`).join(', ')}.`;
