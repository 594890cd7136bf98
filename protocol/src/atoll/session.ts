/** Sessions of browsers: the server's own API. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Tenancy';

export const openSession = defineRoute({
  id: 'openSession',
  method: 'POST',
  paths: ['/v1/session'],
  summary:
    'Give a browser a session in the place of the key that this request shows: an httpOnly cookie, for 12 hours',
  tag,
  access: 'viewer',
  response: z.object({
    /** How long the browser may use it, in seconds. */
    lastsSecs: z.number(),
  }),
  status: 201,
  errors: [],
});

export const endSession = defineRoute({
  id: 'endSession',
  method: 'DELETE',
  paths: ['/v1/session'],
  summary: 'End the session of this browser',
  tag,
  access: 'viewer',
  status: 204,
  errors: [],
});
