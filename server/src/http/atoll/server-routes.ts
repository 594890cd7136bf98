import * as routes from '@atoll/protocol';
import { requireOperator } from '../../tenancy/caller.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { Metrics } from '../metrics.ts';

/** What the server says about itself. */
export function serverRoutes({ version, metrics }: { version: string; metrics: Metrics }): Binding[] {
  // Made of all schemas when somebody asks: a start has no time for it.
  let document: ReturnType<typeof routes.openApiDocument> | undefined;
  return [
    bind(routes.health, () => ({ status: 'ok' as const, version })),
    bind(routes.metrics, async (_input, context) => {
      requireOperator(context.caller);
      context.contentType(metrics.contentType);
      return metrics.render();
    }),
    bind(routes.openApi, () => {
      document ??= routes.openApiDocument([...routes.controlRoutes, ...routes.dataPlaneRoutes], version);
      return document;
    }),
  ];
}
