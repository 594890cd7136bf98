import { errorTable } from '@atoll/protocol';
import type { Route } from '@atoll/protocol';
import { block, code, generatedNote, page, table } from './page.ts';

const body = `{
  "error": "no sandbox \\"demo\\"",
  "code": "sandbox_not_found",
  "message": "no sandbox \\"demo\\"",
  "hint": "See your sandboxes with \`atoll sbx ls\`.",
  "request_id": "k2v9x0q4mz1c"
}`;

/** docs/reference/errors.md: the one table of errors. */
export function errorPage(routes: readonly Route[]): string {
  return page([
    generatedNote('protocol/src/errors.ts'),
    '# Errors',
    'A code has one meaning and one status for ever. `error` and `message` say the same: clients read one or the other. The hint of an answer may be better than the usual one below. What to do about each: [troubleshooting](../troubleshooting.md).',
    block('json', body),
    'On the data plane, codes of the gateway are written in upper case (`SANDBOX_NOT_FOUND`), and there is no `request_id`.',
    table(['Status', 'Code', 'Usual hint', 'Stated by'], rows(routes)),
  ]);
}

function rows(routes: readonly Route[]): string[][] {
  return Object.entries(errorTable)
    .toSorted(([, a], [, b]) => a.status - b.status)
    .map(([name, { status, hint = '' }]) => [String(status), code(name), hint, statedBy(routes, name)]);
}

/** The routes that name it among their errors; the others come from what all requests pass. */
function statedBy(routes: readonly Route[], name: string): string {
  const found = routes.filter(({ errors }) => (errors as readonly string[]).includes(name));
  const shown = found.slice(0, 4).map(({ id }) => `[${id}](api.md#${id.toLowerCase()})`);
  const more = found.length > shown.length ? [`${found.length - shown.length} more`] : [];
  return [...shown, ...more].join(', ');
}
