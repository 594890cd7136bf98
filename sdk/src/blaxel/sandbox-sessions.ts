import type { SandboxPreview, SandboxPreviews } from './sandbox-previews.ts';

/** What lets a program without a key use one sandbox, for a while. */
export interface SandboxSession {
  name: string;
  url: string;
  token: string;
  expiresAt: Date;
}

export interface CreateSession {
  /** Default: in a day. */
  expiresAt?: Date;
  responseHeaders?: Record<string, string>;
  requestHeaders?: Record<string, string>;
}

/** A private preview of this port is the API of the sandbox. */
const API_PORT = 443;
const NAME_START = 'session-';
const DAY_MS = 24 * 3_600_000;

/** Sessions of a sandbox: private previews of its API, each with a token. */
export class SandboxSessions {
  readonly #previews: SandboxPreviews;

  constructor(previews: SandboxPreviews) {
    this.#previews = previews;
  }

  /** Opens one; `SandboxInstance.fromSession` uses the sandbox by it. */
  async create(wanted: CreateSession = {}): Promise<SandboxSession> {
    const { expiresAt = new Date(Date.now() + DAY_MS), ...headers } = wanted;
    const preview = await this.#previews.create({
      metadata: { name: `${NAME_START}${Date.now()}` },
      spec: { port: API_PORT, public: false, expires: expiresAt.toISOString(), ...headers },
    });
    return open(preview, expiresAt);
  }

  /** Those that are open. */
  async list(): Promise<SandboxSession[]> {
    const previews = (await this.#previews.list()).filter(({ name }) => name.startsWith(NAME_START));
    return Promise.all(
      previews.map((preview) => {
        const { expires } = preview.spec;
        return open(preview, expires === undefined ? new Date(Date.now() + DAY_MS) : new Date(expires));
      }),
    );
  }

  /** Ends one at once. */
  delete(name: string): Promise<void> {
    return this.#previews.delete(name);
  }
}

async function open(preview: SandboxPreview, expiresAt: Date): Promise<SandboxSession> {
  const valid = (await preview.tokens.list()).find(({ expired }) => !expired);
  const { value } = valid ?? (await preview.tokens.create(expiresAt));
  return { name: preview.name, url: preview.spec.url, token: value, expiresAt };
}
