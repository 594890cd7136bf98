import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Checks the file of `--extra-ca` while the operator is looking: without this every sandbox would be the one to find
 * out. Throws ConfigError.
 */
export function requireCertificates(path: string): void {
  const certificates = read(path).match(block) ?? [];
  if (certificates.length === 0) throw new ConfigError(`--extra-ca ${path} holds no certificate in PEM`);
  certificates.forEach((pem, index) => requireCertificate(path, pem, index + 1));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`--extra-ca ${path} cannot be read: ${why}`, { cause });
  }
}

function requireCertificate(path: string, pem: string, number: number): void {
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new ConfigError(`--extra-ca ${path}: certificate ${number} is damaged`, { cause });
  }
}
