import { ConfigError, isLoopback } from './config.ts';
import type { ServerConfig } from './config.ts';
import { once, writePrivate } from './store/data-dir.ts';
import type { DataDir } from './store/data-dir.ts';
import { newKeyValue } from './tenancy/key-value.ts';
import type { Tenancy } from './tenancy/tenancy.ts';

export interface AdminKeyOptions {
  config: Pick<ServerConfig, 'host' | 'apiKey'>;
  dataDir: Pick<DataDir, 'adminKeyPath'>;
  tenancy: Tenancy;
}

/** The operator's key, or one that the first start makes. A server that others can reach starts with a chosen key. */
export function ensureAdminKey({ config, dataDir, tenancy }: AdminKeyOptions): void {
  if (config.apiKey !== undefined) return useChosenKey(config.apiKey, dataDir, tenancy);
  if (!isLoopback(config.host) && !tenancy.keys.hasOperatorKey()) {
    throw new ConfigError(
      `--listen ${config.host} can be reached from other machines and there is no admin key yet: set ATOLL_API_KEY`,
    );
  }
  const kept = once(dataDir.adminKeyPath, () => newKeyValue('api'));
  tenancy.ensureAdminKey(kept);
  if (!tenancy.keys.hasOperatorKey()) replaceKey(dataDir, tenancy);
}

function useChosenKey(key: string, dataDir: AdminKeyOptions['dataDir'], tenancy: Tenancy): void {
  const standing = tenancy.keys.standing(key);
  if (standing === 'revoked')
    throw new ConfigError('ATOLL_API_KEY was revoked: choose another value, or unset it');
  if (standing === 'other') throw new ConfigError('ATOLL_API_KEY is a key of somebody else on this server');
  tenancy.ensureAdminKey(key);
  writePrivate(dataDir.adminKeyPath, key);
}

/** A data directory on which every key of the operator has ended would lock its own operator out. */
function replaceKey(dataDir: AdminKeyOptions['dataDir'], tenancy: Tenancy): void {
  const key = newKeyValue('api');
  tenancy.ensureAdminKey(key);
  writePrivate(dataDir.adminKeyPath, key);
}
