/**
 * Variables that make git send the build's secrets `GIT_AUTH_TOKEN` or `GIT_AUTH_HEADER`, or those of one host
 * (`GIT_AUTH_TOKEN.example.com`), to the host of the remote, and to no other one.
 */
export function gitCredentials(
  remote: string,
  secrets: ReadonlyMap<string, Buffer>,
): Readonly<Record<string, string>> {
  if (!/^https?:\/\//i.test(remote) || !URL.canParse(remote)) return {};
  const { origin, host } = new URL(remote);
  const header = headerFor(host, (name) => secrets.get(name)?.toString('utf8').trim());
  if (header === undefined) return {};
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `http.${origin}/.extraHeader`,
    GIT_CONFIG_VALUE_0: `Authorization: ${header}`,
  };
}

function headerFor(host: string, secret: (name: string) => string | undefined): string | undefined {
  for (const suffix of [`.${host}`, '']) {
    const token = secret(`GIT_AUTH_TOKEN${suffix}`);
    if (token) return `basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
    const header = secret(`GIT_AUTH_HEADER${suffix}`);
    if (header) return header;
  }
  return undefined;
}
