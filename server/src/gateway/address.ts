import { ApiError } from '@atoll/protocol';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { AGENT_PORT } from '../agent/port.ts';
import { API_PORTS } from '../sandbox/previews.ts';
import type { Preview } from '../store/preview-store.ts';

/** An exposed port of a sandbox, and the form of URL that names it. */
export interface PortAddress {
  kind: 'port';
  /** Id or name. */
  identifier: string;
  port: number;
  /** `host`: an origin of its own name. `path`: below a path of the server. `local`: a port of this machine. */
  form: 'host' | 'path' | 'local';
  /** What of the request's path only names the port; empty unless the form is `path`. */
  prefix: string;
  /** The workspace that the path names; any port of its sandboxes is reached with a key for it. */
  workspace?: string;
  /** Who comes by a preview needs no key; its own rules apply. */
  preview?: Preview;
}

/** The API of a sandbox: by host name or header, or in the Blaxel dialect below a path that names its workspace. */
export interface SandboxAddress {
  kind: 'sandbox';
  identifier: string;
  /** What of the path only names the sandbox; absent where host or header do. */
  prefix?: string;
  /** What of the path stands for workspace and sandbox; absent where those are named otherwise. */
  below?: { workspace?: string; prefix: string };
  /** Who comes by a preview shows a token of it instead of a key. */
  preview?: Preview;
}

/** What a request is addressed to, read from its Host, its path and X-Tensorlake-Sandbox-Id (tensorlake wire 0.2.7, 1.1). */
export type Address = { kind: 'server' } | SandboxAddress | PortAddress;

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Names begin with a letter and ids have no hyphen, so this is never a sandbox by itself. */
const portLabel = /^([1-9][0-9]{0,4})-([a-z0-9][a-z0-9-]*)$/;
/** `/ports/ID/PORT`, at its end or before the path that the port's server sees. */
const portPath = /^\/ports\/([a-z0-9][a-z0-9-]*)\/([1-9][0-9]{0,4})(?=[/?]|$)/;
const MAX_PORT = 65_535;

/** Hosts of the server itself among the names below the base domain (cloud mode of the clients). */
const ownLabels: ReadonlySet<string> = new Set(['api', 'sandbox', 'www']);
const noLabels: ReadonlySet<string> = new Set();

interface Suffix {
  suffix: string;
  /** Names below it that are not sandboxes. */
  own: ReadonlySet<string>;
}

export interface AddressOptions {
  baseDomain?: string;
  /** The exposed port that connections of a listener on this machine belong to. */
  localPortOf?: (socket: Socket) => { identifier: string; port: number } | undefined;
  /** The preview that a URL names by its id. */
  findPreview?: (id: string) => Preview | undefined;
}

/** In the first label of a host, or as the second part of a path; what stands before the id is for people to read. */
const previewLabel = /^(?:[a-z0-9-]+-)?preview-([a-z0-9]{16})$/;
const previewPath = /^\/preview\/(?:[a-z0-9-]+-)?([a-z0-9]{16})(?=[/?]|$)/;

/**
 * Reads addresses. A sandbox is `{id|name}.local`, `{id|name}.localhost`, or `{id|name}` below the base domain
 * or below `sandbox.` of it; `{port}-` before it names one of its exposed ports.
 */
export function createAddressReader({ baseDomain, localPortOf, findPreview }: AddressOptions) {
  const suffixes = suffixesOf(baseDomain);

  /** A sandbox may be called like a preview that is not there. */
  const previewOf = (id: string | undefined, form: 'host' | 'path', prefix: string): Address | undefined => {
    const preview = id === undefined ? undefined : findPreview?.(id);
    return preview && addressOf(preview, form, prefix);
  };

  const fromHost = (host: string | undefined): Address | undefined => {
    const name = host?.toLowerCase().replace(/:\d+$/, '');
    const found = suffixes.find(({ suffix }) => name?.endsWith(suffix));
    if (name === undefined || name === baseDomain || found === undefined) return undefined;
    const identifier = name.slice(0, -found.suffix.length);
    if (found.own.has(identifier)) return undefined;
    const byPreview = previewOf(previewLabel.exec(identifier)?.[1], 'host', '');
    return (
      byPreview ??
      portOf(identifier) ??
      (label.test(identifier) ? { kind: 'sandbox', identifier } : undefined)
    );
  };

  return (request: Pick<IncomingMessage, 'headers' | 'url' | 'socket'>): Address => {
    const local = localPortOf?.(request.socket);
    if (local !== undefined) return { kind: 'port', ...local, form: 'local', prefix: '' };
    const byHost = fromHost(request.headers.host);
    if (byHost !== undefined) return byHost;
    const header = request.headers['x-tensorlake-sandbox-id'];
    if (typeof header === 'string' && header !== '') return { kind: 'sandbox', identifier: header };
    const [prefix = '', id] = previewPath.exec(request.url ?? '') ?? [];
    return (
      previewOf(id, 'path', prefix) ??
      fromPath(request.url) ??
      fromWorkspacePath(request.url) ?? { kind: 'server' }
    );
  };
}

function addressOf(preview: Preview, form: 'host' | 'path', prefix: string): Address {
  const { sandboxId: identifier, port } = preview;
  return API_PORTS.has(port)
    ? { kind: 'sandbox', identifier, below: { prefix }, preview }
    : { kind: 'port', identifier, port, form, prefix, preview };
}

/** `{port}-{id|name}` in the first label of a host. The agent's own port is the data plane (wire 1.1). */
export function portOf(hostLabel: string): Address | undefined {
  const [, digits, identifier = ''] = portLabel.exec(hostLabel) ?? [];
  const port = Number(digits);
  if (!(port <= MAX_PORT) || identifier.length > 63 || identifier.endsWith('-')) return undefined;
  if (port === AGENT_PORT) return { kind: 'sandbox', identifier };
  return { kind: 'port', identifier, port, form: 'host', prefix: '' };
}

/** Pages of the server cannot name a sandbox by host or header when they open a WebSocket: the agent's port does it. */
function fromPath(url: string | undefined): Address | undefined {
  const [prefix = '', identifier = '', digits] = portPath.exec(url ?? '') ?? [];
  const port = Number(digits);
  if (!(port <= MAX_PORT) || identifier.length > 63) return undefined;
  if (port === AGENT_PORT) return { kind: 'sandbox', identifier, prefix };
  return { kind: 'port', identifier, port, form: 'path', prefix };
}

/** `/WORKSPACE/sandboxes/NAME`, and below it `port/N` (blaxel wire 1.8). Versions of APIs stand in the same place. */
const workspacePath =
  /^\/(?!v\d+\/)([a-z0-9][a-z0-9._-]{0,62})\/sandboxes\/([a-z0-9][a-z0-9-]{0,62})(?=[/?]|$)/;
/** What of the API of a sandbox the server itself does, which has the drives. */
const drivesBelow = /^\/drives\/mount(?=[/?]|$)/;
const portBelow = /^\/port\/([1-9][0-9]{0,4})(?=[/?]|$)/;

function fromWorkspacePath(url = ''): Address | undefined {
  const [prefix, workspace, identifier] = workspacePath.exec(url) ?? [];
  if (prefix === undefined || workspace === undefined || identifier === undefined) return undefined;
  const rest = url.slice(prefix.length);
  if (drivesBelow.test(rest)) return undefined;
  const [portPrefix = '', digits] = portBelow.exec(rest) ?? [];
  const port = Number(digits);
  if (!(port <= MAX_PORT)) return { kind: 'sandbox', identifier, below: { workspace, prefix } };
  return { kind: 'port', identifier, port, form: 'path', prefix: `${prefix}${portPrefix}`, workspace };
}

/** The longest first: a base domain may itself end in `.local`, and what is below it is below it alone. */
function suffixesOf(baseDomain: string | undefined): Suffix[] {
  const always = ['.local', '.localhost'].map((suffix) => ({ suffix, own: noLabels }));
  if (baseDomain === undefined) return always;
  return [
    { suffix: `.sandbox.${baseDomain}`, own: noLabels },
    { suffix: `.${baseDomain}`, own: ownLabels },
    ...always.filter(({ suffix }) => suffix !== `.${baseDomain}`),
  ];
}

/** Both spellings may be given, as a name and an id; they must mean the same sandbox. */
export function namesBoth(request: IncomingMessage, identifier: string): string | undefined {
  const headers = request.headersDistinct['x-tensorlake-sandbox-id'] ?? [];
  if (headers.length > 1)
    throw new ApiError('conflicting_sandbox_ids', 'X-Tensorlake-Sandbox-Id is given twice');
  const [header] = headers;
  return header === undefined || header === '' || header === identifier ? undefined : header;
}
