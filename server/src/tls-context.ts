import { readFileSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import { ConfigError } from './config-error.ts';
import type { Log } from './lib/log.ts';

/** Where the certificate chain and its key are, as PEM. */
export interface TlsFiles {
  certFile: string;
  keyFile: string;
}

/** A renewal writes two files. */
const SETTLE_MS = 200;

/** Reads certificate and key. Throws ConfigError where they are no pair. */
export function readTls({ certFile, keyFile }: TlsFiles): SecureContextOptions {
  try {
    const options = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    createSecureContext(options);
    return options;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`--tls-cert ${certFile} and --tls-key ${keyFile}: ${why}`);
  }
}

/**
 * Reads them again when they change and on SIGHUP; what cannot be used is logged, and what was there before stays.
 * Returns how to stop.
 */
export function followTls(
  files: TlsFiles,
  use: (options: SecureContextOptions) => void,
  log: Log,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const reload = (): void => {
    try {
      use(readTls(files));
      log.info('the TLS certificate was read again');
    } catch (err) {
      log.error({ err }, 'the TLS certificate cannot be read again; the old one stays');
    }
  };
  const reloadSoon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(reload, SETTLE_MS).unref();
  };
  // Folders, because renewals rename a new file over the old one.
  const watchers = [...new Set([files.certFile, files.keyFile].map(dirname))].map((folder): FSWatcher => {
    const watcher = watch(folder, { persistent: false }, reloadSoon);
    return watcher.on('error', (err) => log.warn({ err }, 'changes of the TLS certificate go unseen'));
  });
  process.on('SIGHUP', reload);
  return () => {
    clearTimeout(timer);
    process.off('SIGHUP', reload);
    for (const watcher of watchers) watcher.close();
  };
}
