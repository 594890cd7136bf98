import { pushImage, readDockerCredentials } from '#platform';
import * as protocol from '@atoll/protocol';
import type { Route, RouteAnswer, RouteCall } from '@atoll/protocol';
import { createConnection } from './connection.ts';
import type { ClientOptions, Connection } from './connection.ts';
import { allPages } from './all-pages.ts';
import type { AuditPage, AuditQuery } from './audit-page.ts';
import type { Settings } from './settings.ts';
import type { WaitOptions } from './call-options.ts';
import type { DockerCredentials } from './docker-config.ts';
import { readImport } from './image-import.ts';
import { ImageShares } from './image-shares.ts';
import type { PushOptions } from './image-push.ts';
import { withoutUndefined } from './without-undefined.ts';
import { RegistryLogins } from './registry-logins.ts';
import { ServerHealth } from './server-health.ts';
import { Quotas } from './workspace-quotas.ts';
import { workspaceEvents } from './workspace-events.ts';
import type { WorkspaceEvent, WorkspaceEventsOptions } from './workspace-events.ts';

export type {
  Account,
  AuditEntry,
  ImageDetail,
  ImageImportEvent,
  ImageInfo,
  ImagePruneReport,
  Key,
  Member,
  QuotaChange,
  QuotaUse,
  Role,
  Workspace,
  WorkspaceQuotas,
} from '@atoll/protocol';

/** Whose key this is and what it may do. */
export type Identity = RouteAnswer<typeof protocol.whoami>;

/** A new key; `value` is shown this once. */
export type CreatedKey = RouteAnswer<typeof protocol.createKey>;

/** A new account with its first workspace and the key of its owner, which is shown this once. */
export type CreatedAccount = RouteAnswer<typeof protocol.createAccount>;

export interface CreateKeyOptions extends WaitOptions {
  name: string;
  /** `api` (default) acts in one workspace, `personal` wherever its member has a role. */
  kind?: 'api' | 'personal';
  /** At most that of the caller; for `api` keys. */
  role?: protocol.Role;
  /** Whose key it is; only admins make keys for others. */
  memberId?: string;
  /** When it ends by itself; without it, when it is revoked. */
  expiresInSecs?: number;
}

export interface ImportImageOptions extends WaitOptions {
  /** `repository[:tag]`; by default the last part of the reference with its tag. */
  name?: string | undefined;
  /** Whether other workspaces may use it. */
  public?: boolean | undefined;
  /** For this import alone; by default what docker would use (`readDockerCredentials`). */
  credentials?: DockerCredentials | undefined;
  onProgress?: ((event: protocol.ImageImportEvent) => void) | undefined;
}

/** A secret of the workspace, without its value. */
export interface Secret {
  id: string;
  name: string;
  createdAt: Date;
}

export interface RegisterImageOptions extends WaitOptions {
  /** Text to keep with the image, for who looks at it. */
  dockerfile?: string;
  /** Whether other workspaces may use it. */
  public?: boolean;
}

/** A public key that opens sandboxes over SSH. */
export interface SshKey {
  id: string;
  name: string;
  keyType: string;
  /** `SHA256:…`, as OpenSSH shows it. */
  fingerprint: string;
  createdAt: Date;
  lastUsedAt?: Date;
}

/** A device login that waits for its approval. */
export interface DeviceLogin {
  /** The secret that only this device knows. */
  deviceCode: string;
  /** What somebody with a key approves. */
  userCode: string;
  /** Seconds until it expires. */
  expiresIn: number;
}

/** A personal access token and the scope it was made for. */
export interface LoginTokens {
  accessToken: string;
  organizationId: string;
  projectId: string;
}

/** Accounts, workspaces, members, keys, logins, the audit record and images. Times are epoch milliseconds. */
export class AdminClient {
  readonly #connection: Connection;
  readonly registryLogins: RegistryLogins;
  /** Images that other workspaces use. */
  readonly imageShares: ImageShares;
  /** What workspaces may use at once. */
  readonly quotas: Quotas;
  /** How the server and its machine stand. */
  readonly serverHealth: ServerHealth;

  constructor(options: ClientOptions = {}) {
    this.#connection = createConnection(options);
    this.registryLogins = new RegistryLogins(this.#connection);
    this.imageShares = new ImageShares(this.#connection);
    this.quotas = new Quotas(this.#connection);
    this.serverHealth = new ServerHealth(this.#connection);
  }

  /** The server that calls go to, and where it was found. */
  settings(): Promise<Settings> {
    return this.#connection.settings();
  }

  /** Whether the server answers, and its version; needs no key. */
  health(options: WaitOptions = {}) {
    return this.#call(protocol.health, {}, options);
  }

  /**
   * What changes in the workspace, as it changes, without an end: each event says what something is now. Begins with
   * `following`, or with `lost` where events behind `after` are no longer known. Connects again where it breaks.
   */
  events(options: WorkspaceEventsOptions = {}): AsyncGenerator<WorkspaceEvent> {
    return workspaceEvents(this.#connection, options);
  }

  /** Whose key this is. */
  whoami(options: WaitOptions = {}): Promise<Identity> {
    return this.#call(protocol.whoami, {}, options);
  }

  /** The accounts that the caller may see. */
  async listAccounts(options: WaitOptions = {}): Promise<protocol.Account[]> {
    return (await this.#call(protocol.listAccounts, {}, options)).accounts;
  }

  /** Makes an account with a first workspace and an owner. For the operator of the server. */
  createAccount(
    account: { name: string; workspace: string; ownerName: string },
    options: WaitOptions = {},
  ): Promise<CreatedAccount> {
    return this.#call(protocol.createAccount, { body: account }, options);
  }

  /** The workspaces that the caller may use. */
  async listWorkspaces(options: WaitOptions = {}): Promise<protocol.Workspace[]> {
    return (await this.#call(protocol.listWorkspaces, {}, options)).workspaces;
  }

  /** Makes a workspace in the caller's account. */
  createWorkspace(name: string, options: WaitOptions = {}): Promise<protocol.Workspace> {
    return this.#call(protocol.createWorkspace, { body: { name } }, options);
  }

  /** The closed ranges that sandboxes of a workspace may reach. For the operator of the server. */
  async networkOpenings(workspace: string, options: WaitOptions = {}): Promise<string[]> {
    const input = { params: { name: workspace } };
    return (await this.#call(protocol.getNetworkOpenings, input, options)).ranges;
  }

  /** Replaces them, for sandboxes that run too. For the operator of the server. */
  async setNetworkOpenings(
    workspace: string,
    ranges: string[],
    options: WaitOptions = {},
  ): Promise<string[]> {
    const input = { params: { name: workspace }, body: { ranges } };
    return (await this.#call(protocol.putNetworkOpenings, input, options)).ranges;
  }

  /** The caller's SSH keys; those that were registered with it, for an api key. */
  async listSshKeys(options: WaitOptions = {}): Promise<SshKey[]> {
    return (await this.#call(protocol.listSshKeys, {}, options)).items.map(toSshKey);
  }

  /** Registers a public key, given as the line of an OpenSSH `.pub` file. */
  async addSshKey(key: { name: string; publicKey: string }, options: WaitOptions = {}): Promise<SshKey> {
    return toSshKey(await this.#call(protocol.addSshKey, { body: key }, options));
  }

  /** Removes an SSH key; connections that it opened end at once. */
  async removeSshKey(id: string, options: WaitOptions = {}): Promise<void> {
    await this.#call(protocol.removeSshKey, { params: { id } }, options);
  }

  /** Who may use a workspace, and as what. */
  async listMembers(workspace: string, options: WaitOptions = {}): Promise<protocol.Member[]> {
    return (await this.#call(protocol.listMembers, { params: { workspace } }, options)).members;
  }

  /** Adds a new member by name, or one of the account by id. */
  addMember(
    workspace: string,
    member: { memberId: string; role: protocol.Role } | { name: string; role: protocol.Role },
    options: WaitOptions = {},
  ): Promise<protocol.Member> {
    return this.#call(protocol.putMember, { params: { workspace }, body: member }, options);
  }

  /** Changes what a member may do in a workspace. */
  setMemberRole(
    workspace: string,
    memberId: string,
    role: protocol.Role,
    options: WaitOptions = {},
  ): Promise<protocol.Member> {
    return this.addMember(workspace, { memberId, role }, options);
  }

  /** Takes a member out of a workspace; its keys for it end at once. */
  async removeMember(workspace: string, memberId: string, options: WaitOptions = {}): Promise<void> {
    await this.#call(protocol.removeMember, { params: { workspace, memberId } }, options);
  }

  /** The caller's keys; for an admin those of the workspace. */
  async listKeys(options: WaitOptions = {}): Promise<protocol.Key[]> {
    return (await this.#call(protocol.listKeys, {}, options)).keys;
  }

  /** Makes a key. */
  createKey({ signal, ...key }: CreateKeyOptions): Promise<CreatedKey> {
    return this.#call(protocol.createKey, { body: key }, withoutUndefined({ signal }));
  }

  /** Ends a key at once. */
  async revokeKey(id: string, options: WaitOptions = {}): Promise<void> {
    await this.#call(protocol.revokeKey, { params: { id } }, options);
  }

  /** What was changed in the workspace, newest first. */
  async listAudit(query: AuditQuery = {}, options: WaitOptions = {}): Promise<AuditPage> {
    return withoutUndefined(await this.#call(protocol.listAudit, { query }, options));
  }

  /** The workspace's images and the public ones. */
  async listImages(options: WaitOptions = {}): Promise<protocol.ImageInfo[]> {
    const load = (cursor?: string) => this.#call(protocol.listImages, { query: { cursor } }, options);
    return allPages(load, ({ images }) => images);
  }

  /** One image with its layers and configuration. */
  describeImage(name: string, options: WaitOptions = {}): Promise<protocol.ImageDetail> {
    return this.#call(protocol.describeImage, { params: { name } }, options);
  }

  /** Brings in an image of another registry. */
  async importImage(reference: string, options: ImportImageOptions = {}): Promise<protocol.ImageInfo> {
    const { name, signal } = options;
    const credentials = options.credentials ?? (await readDockerCredentials(reference, { signal }));
    const input = { reference, name, public: options.public, dockerConfigJson: credentials };
    const transport = await this.#connection.server();
    const body = withoutUndefined(input);
    const response = await transport.stream(protocol.importImage, { body }, { signal, repeatable: false });
    return readImport(response, options.onProgress);
  }

  /** Copies an image of the workspace, or a base image, into another registry. The bytes pass through this machine. */
  async pushImage(image: string, reference: string, options: PushOptions = {}): Promise<void> {
    const { signal } = options;
    const wait = withoutUndefined({ signal });
    const [{ name, digest }, { workspace }] = await Promise.all([
      this.describeImage(image, wait),
      this.whoami(wait),
    ]);
    const repository = name.split(':', 1)[0] ?? name;
    const isBase = /^(?:tensorlake|blaxel)\//.test(repository);
    const { baseUrl, headers } = await this.#connection.serverAddress();
    const source = {
      baseUrl,
      headers,
      repository: isBase ? repository : `${workspace.name}/${repository}`,
      digest,
    };
    const credentials = options.credentials ?? (await readDockerCredentials(reference, { signal }));
    await pushImage(source, reference, { ...options, credentials });
  }

  /** Gives an image one more name, `repository[:tag]`. */
  tagImage(image: string, name: string, options: WaitOptions = {}): Promise<protocol.ImageInfo> {
    return this.#call(protocol.tagImage, { params: { name: image }, body: { name } }, options);
  }

  /** Gives a completed filesystem snapshot the name of an image, `repository[:tag]`. */
  registerImage(
    name: string,
    snapshotId: string,
    { signal, ...described }: RegisterImageOptions = {},
  ): Promise<protocol.SandboxTemplate> {
    const body = { name, snapshotId, ...described };
    return this.#call(protocol.registerTemplate, { params: {}, body }, withoutUndefined({ signal }));
  }

  /** Takes away a name, or by id an image with all its names. */
  async removeImage(image: string, options: WaitOptions = {}): Promise<void> {
    await this.#call(protocol.removeImage, { params: { name: image } }, options);
  }

  /** Frees what nothing needs, and images that lost their last name longer ago than `olderThanMs`. */
  pruneImages({
    signal,
    ...body
  }: WaitOptions & { olderThanMs?: number; dryRun?: boolean } = {}): Promise<protocol.ImagePruneReport> {
    return this.#call(protocol.pruneImages, { body }, withoutUndefined({ signal }));
  }

  /** Sets secrets by name, all or none; sandboxes see the new values from their next start. */
  async setSecrets(values: Record<string, string>, options: WaitOptions = {}): Promise<Secret[]> {
    const body = Object.entries(values).map(([name, value]) => ({ name, value }));
    const set = await this.#call(protocol.putSecrets, { params: {}, body }, options);
    return [set].flat().map(toSecret);
  }

  /** The secrets of the workspace, by name; nothing ever shows their values. */
  async listSecrets(options: WaitOptions = {}): Promise<Secret[]> {
    const { items } = await this.#call(protocol.listSecrets, { params: {}, query: {} }, options);
    return items.map(toSecret);
  }

  /** Removes a secret by its id; processes that run keep what they were started with. */
  async deleteSecret(id: string, options: WaitOptions = {}): Promise<void> {
    await this.#call(protocol.deleteSecret, { params: { id } }, options);
  }

  /** Encrypts all secrets of the server with a new key. For the operator of the server. */
  rotateSecretKey(options: WaitOptions = {}): Promise<{ keyId: string; resealed: number }> {
    return this.#call(protocol.rotateSecretKey, {}, options);
  }

  /** Begins a device login; needs no key. */
  async startLogin(options: WaitOptions = {}): Promise<DeviceLogin> {
    const login = await this.#call(protocol.startLogin, {}, options);
    return { deviceCode: login.device_code, userCode: login.user_code, expiresIn: login.expires_in };
  }

  /** How a device login stands; needs no key. */
  async pollLogin(deviceCode: string, options: WaitOptions = {}) {
    return (await this.#call(protocol.pollLogin, { query: { device_code: deviceCode } }, options)).status;
  }

  /** Trades an approved device code for a token, once; needs no key. */
  async exchangeLogin(deviceCode: string, options: WaitOptions = {}): Promise<LoginTokens> {
    const input = { body: { device_code: deviceCode } };
    const tokens = await this.#call(protocol.exchangeLogin, input, options);
    return {
      accessToken: tokens.access_token,
      organizationId: tokens.organization_id,
      projectId: tokens.project_id,
    };
  }

  /** Approves the login of a device: it gets a token of the caller. */
  async approveLogin(userCode: string, options: WaitOptions = {}): Promise<void> {
    await this.#call(protocol.approveLogin, { params: { userCode } }, options);
  }

  /** Ends the client; calls after this throw. */
  close(): void {
    this.#connection.close();
  }

  async #call<R extends Route>(route: R, input: RouteCall<R>, options: WaitOptions): Promise<RouteAnswer<R>> {
    return (await this.#connection.server()).call(route, input, options);
  }
}

const toSecret = ({ createdAt, ...secret }: protocol.SecretInfo): Secret => ({
  ...secret,
  createdAt: new Date(createdAt),
});

const toSshKey = ({ createdAt, lastUsedAt, ...key }: protocol.SshKeyInfo): SshKey => ({
  ...key,
  createdAt: new Date(createdAt),
  ...(lastUsedAt !== undefined && { lastUsedAt: new Date(lastUsedAt) }),
});
