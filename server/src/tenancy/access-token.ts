import { randomBytes } from 'node:crypto';

/** What clients read of a token: who, where, and until when (in seconds). */
export interface TokenClaims {
  sub: string;
  workspace: string;
  iat: number;
  exp: number;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * A key in the form of a JSON web token, because clients read from it when to ask for the next one. It is a key like any
 * other: the last part is 256 random bits, and the server knows the token by its hash, so nobody else can make one and
 * any can be ended before its time.
 */
export const newAccessToken = (claims: TokenClaims): string =>
  `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}.${randomBytes(32).toString('base64url')}`;
