/** Registries that may be talked to without encryption: those of this machine, and those that the operator names. */
export function createPlainHosts(insecureRegistries: readonly string[]): (host: string) => boolean {
  const named = new Set(insecureRegistries.map((host) => host.toLowerCase()));
  return (host) => named.has(host) || isLoopbackHost(host);
}

const isLoopbackHost = (host: string): boolean =>
  /^(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
