import { ApiError, blaxelVersions } from '@atoll/protocol';
import type { Route } from '@atoll/protocol';
import { bind } from '../bind.ts';
import type { Binding, Handler } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';

/** Ties a handler to a route of the Blaxel dialect: a version that nobody knows is refused before anything happens. */
export const bindBlaxel = <R extends Route>(route: R, handler: Handler<R>): Binding =>
  bind(route, (input, context) => {
    versionOf(context);
    return handler(input, context);
  });

/** Whether lists are pages, which say what there is beyond them; in the first version they are arrays. */
export const hasPages = (context: RequestContext): boolean => versionOf(context) !== blaxelVersions[0];

/** Lists of images are pages later than the others. */
export const hasImagePages = (context: RequestContext): boolean => versionOf(context) === blaxelVersions[2];

function versionOf(context: RequestContext): (typeof blaxelVersions)[number] {
  const asked = context.header('blaxel-version') ?? blaxelVersions[0];
  const version = blaxelVersions.find((known) => known === asked);
  if (version === undefined)
    throw new ApiError(
      'invalid_api_version',
      `Blaxel-Version ${JSON.stringify(asked.slice(0, 40))} is not known; this server speaks ${blaxelVersions.join(', ')}`,
    );
  return version;
}
