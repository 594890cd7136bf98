import * as protocol from '@atoll/protocol';
import type { BlaxelPreview, BlaxelPreviewBody, BlaxelPreviewToken } from '@atoll/protocol';
import { RemoteAPIError } from '../errors.ts';
import type { BlaxelConnection } from './blaxel-connection.ts';

/** All that previews need of it. */
type Calls = Pick<BlaxelConnection, 'call'>;

/** What a preview is to be. */
export type CreatePreview = BlaxelPreviewBody;

/** What makes a private preview open for who has it. */
export interface PreviewToken {
  name: string;
  value: string;
  expiresAt?: Date;
  expired: boolean;
}

/** A port of a sandbox at a URL of its own. */
export class SandboxPreview {
  readonly #connection: Calls;
  readonly #preview: BlaxelPreview;
  /** Tokens of a private one. */
  readonly tokens: PreviewTokens;

  constructor(connection: Calls, preview: BlaxelPreview) {
    this.#connection = connection;
    this.#preview = preview;
    this.tokens = new PreviewTokens(connection, preview);
  }

  /** By which it is found again. */
  get name(): string {
    return this.#preview.metadata.name;
  }

  /** Port, URL and headers. */
  get spec(): BlaxelPreview['spec'] {
    return this.#preview.spec;
  }

  /** Ends it with its tokens. */
  async delete(): Promise<void> {
    const { name: preview, resourceName: name } = this.#preview.metadata;
    await this.#connection.call(protocol.deleteBlaxelPreview, { params: { name, preview }, query: {} });
  }
}

/** Tokens of one preview. */
export class PreviewTokens {
  readonly #connection: Calls;
  readonly #params: { name: string; preview: string };

  constructor(connection: Calls, { metadata }: BlaxelPreview) {
    this.#connection = connection;
    this.#params = { name: metadata.resourceName, preview: metadata.name };
  }

  /** Makes one that holds until then. */
  async create(expiresAt: Date): Promise<PreviewToken> {
    const body = {
      metadata: { name: `token-${Date.now()}` },
      spec: { expiresAt: expiresAt.toISOString() },
    };
    const input = { params: this.#params, query: {}, body };
    return toToken(await this.#connection.call(protocol.createBlaxelPreviewToken, input));
  }

  /** All of them. */
  async list(): Promise<PreviewToken[]> {
    const input = { params: this.#params, query: {} };
    return (await this.#connection.call(protocol.listBlaxelPreviewTokens, input)).map(toToken);
  }

  /** Ends one, by its name or by itself. */
  async delete(token: string): Promise<void> {
    const input = { params: { ...this.#params, token }, query: {} };
    await this.#connection.call(protocol.deleteBlaxelPreviewToken, input);
  }
}

/** Previews of a sandbox. */
export class SandboxPreviews {
  readonly #connection: Calls;
  readonly #name: () => string;

  constructor(connection: Calls, name: () => string) {
    this.#connection = connection;
    this.#name = name;
  }

  /** Makes one; with `force` in the place of one of that name. */
  async create(body: CreatePreview, force = false): Promise<SandboxPreview> {
    const query = force ? { force: 'true' as const } : {};
    const input = { params: { name: this.#name() }, query, body };
    return new SandboxPreview(
      this.#connection,
      await this.#connection.call(protocol.createBlaxelPreview, input),
    );
  }

  /** The one of that name, made where there is none. */
  async createIfNotExists(body: CreatePreview): Promise<SandboxPreview> {
    try {
      return await this.get(body.metadata.name);
    } catch (error) {
      if (error instanceof RemoteAPIError && error.statusCode === 404) return this.create(body);
      throw error;
    }
  }

  /** The one of that name. */
  async get(preview: string): Promise<SandboxPreview> {
    const input = { params: { name: this.#name(), preview }, query: {} };
    return new SandboxPreview(
      this.#connection,
      await this.#connection.call(protocol.getBlaxelPreview, input),
    );
  }

  /** All of them. */
  async list(): Promise<SandboxPreview[]> {
    const input = { params: { name: this.#name() }, query: {} };
    const found = await this.#connection.call(protocol.listBlaxelPreviews, input);
    return found.map((preview) => new SandboxPreview(this.#connection, preview));
  }

  /** Ends one with its tokens. */
  async delete(preview: string): Promise<void> {
    const input = { params: { name: this.#name(), preview }, query: {} };
    await this.#connection.call(protocol.deleteBlaxelPreview, input);
  }
}

const toToken = ({ metadata, spec }: BlaxelPreviewToken): PreviewToken => ({
  name: metadata.name,
  value: spec.token,
  expired: spec.expired,
  ...(spec.expiresAt !== undefined && { expiresAt: new Date(spec.expiresAt) }),
});
