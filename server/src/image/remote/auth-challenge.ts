/** What a registry asks for with 401 (RFC 9110, 11.6.1). */
export type Challenge =
  | { scheme: 'basic' }
  | { scheme: 'bearer'; parameters: Readonly<Record<string, string>> };

/** Reads `WWW-Authenticate`; of several schemes bearer is preferred. */
export function parseChallenge(header: string | null): Challenge | undefined {
  const bearer = /(?:^|,)\s*bearer\s+(.*)$/i.exec(header ?? '')?.[1];
  if (bearer !== undefined) return { scheme: 'bearer', parameters: parseParameters(bearer) };
  return /(?:^|,)\s*basic\b/i.test(header ?? '') ? { scheme: 'basic' } : undefined;
}

function parseParameters(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi)];
  return Object.fromEntries(
    pairs.map(([, key = '', quoted, plain]) => [
      key.toLowerCase(),
      quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '',
    ]),
  );
}
