/** The path of a request as a log may have it: without its query, and without the token that is a part of some paths. */
export function loggedPath({ url, params }: { url: string; params: unknown }): string {
  const path = url.split('?', 1)[0] ?? '';
  const { token } = params as { token?: string }; // fastify's own path parameters
  return token === undefined ? path : path.replace(encodeURIComponent(token), '…');
}
