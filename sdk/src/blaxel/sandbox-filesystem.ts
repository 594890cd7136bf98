import { z } from 'zod';
import { readJsonLines } from '../json-lines.ts';
import type { SandboxAccess } from './sandbox-access.ts';

const directory = z.looseObject({
  path: z.string(),
  name: z.string().optional(),
  files: z
    .array(z.looseObject({ path: z.string(), name: z.string(), size: z.number().optional() }))
    .nullish()
    .transform((files) => files ?? []),
  subdirectories: z
    .array(z.looseObject({ path: z.string(), name: z.string() }))
    .nullish()
    .transform((folders) => folders ?? []),
});
/** A folder with what is directly in it. */
export type BlaxelDirectory = z.output<typeof directory>;

const withContent = z.looseObject({ content: z.string() });
const found = z.looseObject({
  matches: z
    .array(z.looseObject({ path: z.string() }))
    .nullish()
    .transform((matches) => matches ?? []),
  total: z.number(),
});
/** What a search has found. */
export type BlaxelMatches = z.output<typeof found>;

const uploadStart = z.looseObject({ uploadId: z.string() });
const uploadPart = z.object({ partNumber: z.number(), etag: z.string(), size: z.number() });
const watched = z.looseObject({ op: z.string(), name: z.string(), path: z.string() });
/** A change below a watched folder. */
export type BlaxelFileChange = z.output<typeof watched>;

export interface BlaxelFindOptions {
  type?: 'file' | 'directory';
  patterns?: string[];
  maxResults?: number;
  excludeDirs?: string[];
  excludeHidden?: boolean;
}

export interface BlaxelGrepOptions {
  caseSensitive?: boolean;
  maxResults?: number;
  filePattern?: string;
  excludeDirs?: string[];
}

const PART_BYTES = 5 * 1024 * 1024;
const PARTS_AT_ONCE = 3;

/** A path with all its slashes encoded is absolute on this wire, also where it does not begin with one. */
const at = (path: string): string => encodeURIComponent(path);

function queryOf(values: Record<string, string | number | boolean | string[] | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) query.set(name, Array.isArray(value) ? value.join(',') : String(value));
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** Files of a sandbox. */
export class SandboxFileSystem {
  readonly #access: SandboxAccess;

  constructor(access: SandboxAccess) {
    this.#access = access;
  }

  /** Writes text, in parts where it is large; folders are made. */
  async write(path: string, content: string, permissions?: string): Promise<void> {
    const bytes = Buffer.from(content, 'utf8');
    if (bytes.length > PART_BYTES) return this.#writeParts(path, bytes, permissions);
    await this.#send('PUT', `/filesystem/${at(path)}`, { content, permissions });
  }

  /** Writes bytes, in parts where they are many; folders are made. */
  async writeBinary(path: string, content: Uint8Array, permissions = '0644'): Promise<void> {
    if (content.length > PART_BYTES) return this.#writeParts(path, content, permissions);
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(content)]), 'file');
    form.append('permissions', permissions);
    form.append('path', path);
    await this.#send('PUT', `/filesystem/${at(path)}`, form);
  }

  /** Writes many text files below a folder at once. */
  async writeTree(files: { path: string; content: string }[], folder = '/'): Promise<void> {
    const body = { files: Object.fromEntries(files.map(({ path, content }) => [path, content])) };
    await this.#send('PUT', `/filesystem/tree/${at(folder)}`, body);
  }

  /** A text file. */
  async read(path: string): Promise<string> {
    return withContent.parse(await this.#json(`/filesystem/${at(path)}`)).content;
  }

  /** The bytes of a file. */
  async readBinary(path: string): Promise<Uint8Array> {
    const headers = { accept: 'application/octet-stream' };
    const response = await this.#access({ path: `/filesystem/${at(path)}`, headers });
    return new Uint8Array(await response.arrayBuffer());
  }

  /** What is directly in a folder. */
  async ls(path: string): Promise<BlaxelDirectory> {
    return directory.parse(await this.#json(`/filesystem/${at(path)}`));
  }

  /** Makes a folder and those above it. */
  mkdir(path: string, permissions = '0755'): Promise<void> {
    return this.#send('PUT', `/filesystem/${at(path)}`, { isDirectory: true, permissions });
  }

  /** Removes a file, or with `recursive` a folder with all that is in it. */
  rm(path: string, recursive = false): Promise<void> {
    return this.#send('DELETE', `/filesystem/${at(path)}${recursive ? '?recursive=true' : ''}`);
  }

  /** Files and folders by patterns of their names. */
  async find(path: string, options: BlaxelFindOptions = {}): Promise<BlaxelMatches> {
    return found.parse(await this.#json(`/filesystem-find/${at(path)}${queryOf({ ...options })}`));
  }

  /** Files by what is in them. */
  async grep(query: string, path = '/', options: BlaxelGrepOptions = {}): Promise<BlaxelMatches> {
    const asked = queryOf({ query, ...options });
    return found.parse(await this.#json(`/filesystem-content-search/${at(path)}${asked}`));
  }

  /** Files whose paths resemble this one. */
  async search(path: string, options: { maxResults?: number } = {}): Promise<BlaxelMatches> {
    return found.parse(await this.#json(`/filesystem-search/${at(path)}${queryOf(options)}`));
  }

  /** Changes below a folder as they happen, until the signal aborts. */
  async *watch(
    path: string,
    { ignore, signal }: { ignore?: string[]; signal?: AbortSignal } = {},
  ): AsyncGenerator<BlaxelFileChange> {
    const response = await this.#access({
      path: `/watch/filesystem/${at(path)}${queryOf({ ignore })}`,
      signal,
    });
    for await (const change of readJsonLines(withoutKeepalive(response), signal)) yield watched.parse(change);
  }

  async #json(path: string): Promise<unknown> {
    return (await this.#access({ path, headers: { accept: 'application/json' } })).json();
  }

  async #send(method: string, path: string, body?: unknown): Promise<void> {
    await (await this.#access({ method, path, body })).body?.cancel();
  }

  async #writeParts(path: string, bytes: Uint8Array, permissions = '0644'): Promise<void> {
    const begun = {
      method: 'POST',
      path: `/filesystem-multipart/initiate/${at(path)}`,
      body: { permissions },
    };
    const { uploadId } = uploadStart.parse(await (await this.#access(begun)).json());
    const upload = `/filesystem-multipart/${encodeURIComponent(uploadId)}`;
    try {
      const parts = await this.#sendParts(upload, bytes);
      await this.#send('POST', `${upload}/complete`, { parts });
    } catch (error) {
      // What was sent goes; the failure that led here is the one to tell.
      await this.#send('DELETE', `${upload}/abort`).catch(() => {});
      throw error;
    }
  }

  async #sendParts(upload: string, bytes: Uint8Array): Promise<z.output<typeof uploadPart>[]> {
    const count = Math.ceil(bytes.length / PART_BYTES);
    const parts: z.output<typeof uploadPart>[] = [];
    let next = 1;
    const lane = async (): Promise<void> => {
      while (next <= count) {
        const partNumber = next++;
        const form = new FormData();
        const part = bytes.subarray((partNumber - 1) * PART_BYTES, partNumber * PART_BYTES);
        form.append('file', new Blob([new Uint8Array(part)]), 'part');
        const sent = { method: 'PUT', path: `${upload}/part?partNumber=${partNumber}`, body: form };
        parts[partNumber - 1] = uploadPart.parse(await (await this.#access(sent)).json());
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARTS_AT_ONCE, count) }, lane));
    return parts;
  }
}

/** Between changes the server says now and then, on a line of its own, that it is there. */
function withoutKeepalive(response: Response): Response {
  const decoder = new TextDecoderStream();
  const lines = new TransformStream<string, string>({
    transform: (text, to) => to.enqueue(text.replaceAll(/^\[keepalive\]\n?/gm, '')),
  });
  return new Response(
    response.body?.pipeThrough(decoder).pipeThrough(lines).pipeThrough(new TextEncoderStream()),
  );
}
