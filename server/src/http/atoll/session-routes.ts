import * as routes from '@atoll/protocol';
import type { Tenancy } from '../../tenancy/tenancy.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { sessionCookie, sessionOf } from '../session-cookie.ts';

/** Sessions of browsers. */
export function sessionRoutes({ sessions }: Pick<Tenancy, 'sessions'>): Binding[] {
  const answer = (context: RequestContext, value: string, maxAgeSecs: number): void =>
    context.setCookie(sessionCookie(context.baseUrl, context.header('host') ?? '', value, maxAgeSecs));
  return [
    bind(routes.openSession, (_input, context) => {
      const { value, lastsSecs } = sessions.open(context.caller.keyId);
      answer(context, value, lastsSecs);
      return { lastsSecs };
    }),
    bind(routes.endSession, (_input, context) => {
      const value = sessionOf((name) => context.header(name));
      if (value !== undefined) sessions.end(value);
      answer(context, '', 0);
    }),
  ];
}
