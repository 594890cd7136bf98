import { createHash } from 'node:crypto';
import { randomId } from '../lib/id.ts';

export type KeyKind = 'api' | 'personal';

const prefixes: Record<KeyKind, string> = { api: 'atoll_key_', personal: 'atoll_pat_' };

/** A new secret of 40 characters [a-z0-9] (206 bits) behind a prefix that secret scanners can find. */
export const newKeyValue = (kind: KeyKind): string => prefixes[kind] + randomId(40);

/** Whether a value looks like a personal token; every personal token does. */
export const isPersonalValue = (value: string): boolean => value.startsWith(prefixes.personal);

/** What is stored of a secret: keys are random, so a fast hash is enough. */
export const hashSecret = (value: string): string => createHash('sha256').update(value).digest('hex');

/** What may be shown of a key after its creation. */
export const visiblePrefix = (value: string): string => value.slice(0, 14);
