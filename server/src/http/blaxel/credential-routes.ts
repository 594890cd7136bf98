import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { Key, RouteInput } from '@atoll/protocol';
import type { Grant } from '../../tenancy/oauth.ts';
import type { ServiceAccount } from '../../tenancy/service-account.ts';
import type { Tenancy } from '../../tenancy/tenancy.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import { bindBlaxel } from './blaxel-version.ts';
import { secondsOf } from './time-span.ts';

/** How often a device may ask whether it was approved. */
const POLL_SECS = 5;

/** Tokens, device logins and service accounts of the Blaxel dialect (wire 1.3). */
export function blaxelCredentialRoutes({
  oauth,
  logins,
  serviceAccounts,
}: Pick<Tenancy, 'oauth' | 'logins' | 'serviceAccounts'>): Binding[] {
  return [
    bind(routes.oauthToken, ({ body }, context) => {
      const issued = oauth.token(toGrant(body, context.header('authorization')), context.address);
      context.actor(issued.actor);
      return {
        access_token: issued.accessToken,
        token_type: 'Bearer' as const,
        expires_in: issued.expiresInSecs,
        ...(issued.refreshToken !== undefined && { refresh_token: issued.refreshToken }),
      };
    }),
    bind(routes.startBlaxelLogin, (_input, { address, baseUrl }) => {
      const { deviceCode, userCode, expiresInSecs } = logins.start(address);
      const page = `${baseUrl}/login/device`;
      return {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: page,
        verification_uri_complete: `${page}?user_code=${userCode}`,
        expires_in: expiresInSecs,
        interval: POLL_SECS,
      };
    }),
    bindBlaxel(routes.listServiceAccounts, (_input, { caller }) =>
      serviceAccounts.list(caller).map(toAccount),
    ),
    bindBlaxel(routes.createServiceAccount, ({ body }, context) => {
      const { clientSecret, ...made } = serviceAccounts.create(context.caller, body);
      context.target(made.clientId);
      return { ...toAccount(made), client_secret: clientSecret };
    }),
    bindBlaxel(routes.updateServiceAccount, ({ params, body }, { caller }) =>
      toAccount(serviceAccounts.update(caller, params.clientId, body)),
    ),
    bindBlaxel(routes.deleteServiceAccount, ({ params }, context) => {
      context.target(params.clientId);
      return toAccount(serviceAccounts.remove(context.caller, params.clientId));
    }),
    bindBlaxel(routes.listServiceAccountKeys, ({ params }, { caller }) =>
      serviceAccounts.listKeys(caller, params.clientId).map((key) => toApiKey(key, params.clientId)),
    ),
    bindBlaxel(routes.createServiceAccountKey, ({ params, body }, context) => {
      const { name, expires_in: span } = body;
      const expiresAt = span === undefined ? undefined : endOf(span);
      const { key, value } = serviceAccounts.createKey(context.caller, params.clientId, { name, expiresAt });
      context.target(key.id);
      return { ...toApiKey(key, params.clientId), apiKey: value };
    }),
    bindBlaxel(routes.deleteServiceAccountKey, ({ params }, context) => {
      context.target(params.keyId);
      serviceAccounts.revokeKey(context.caller, params.clientId, params.keyId);
    }),
  ];
}

const MAX_KEY_SECS = 10 * 365 * 86_400;

function endOf(span: string): number {
  const secs = secondsOf(span);
  if (secs > 0 && secs <= MAX_KEY_SECS) return Date.now() + secs * 1000;
  throw new ApiError('invalid_request', 'expires_in: a key lasts for ten years at most');
}

type TokenRequest = RouteInput<typeof routes.oauthToken>['body'];

function toGrant(body: TokenRequest, authorization: string | undefined): Grant {
  if (body.grant_type === 'client_credentials') {
    const [clientId, clientSecret] = basicOf(authorization) ?? [body.client_id, body.client_secret];
    return {
      kind: 'client',
      clientId: needed(clientId, 'client_id'),
      clientSecret: needed(clientSecret, 'client_secret'),
    };
  }
  if (body.grant_type === 'refresh_token')
    return { kind: 'refresh', refreshToken: needed(body.refresh_token, 'refresh_token') };
  return { kind: 'device', deviceCode: needed(body.device_code, 'device_code') };
}

function needed(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw new ApiError('invalid_request', `this grant needs ${name}`);
}

/** Id and secret of `Authorization: Basic`. */
function basicOf(authorization: string | undefined): [string, string] | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return [pair.slice(0, Math.max(0, colon)), pair.slice(colon + 1)];
}

const isoTime = (at: number): string => new Date(at).toISOString();

const toAccount = (account: ServiceAccount) => ({
  client_id: account.clientId,
  name: account.name,
  description: account.description ?? '',
  role: account.role,
  created_at: isoTime(account.createdAt),
  updated_at: isoTime(account.updatedAt),
});

const toApiKey = (key: Key, clientId: string) => ({
  id: key.id,
  name: key.name,
  sub: clientId,
  sub_type: 'service_account' as const,
  createdAt: isoTime(key.createdAt),
  ...(key.expiresAt !== undefined && { expiresAt: isoTime(key.expiresAt) }),
});
