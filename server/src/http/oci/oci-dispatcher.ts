import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../../lib/log.ts';
import type { Registry } from '../../image/registry/registry.ts';
import { RegistryError } from '../../image/registry/registry-error.ts';
import type { Audit, AuditEvent } from '../../tenancy/audit.ts';
import type { Caller } from '../../tenancy/caller.ts';
import type { Metrics } from '../metrics.ts';
import { sendBlob } from './blob-handlers.ts';
import { putManifest, sendManifest, sendReferrers, sendTags } from './manifest-handlers.ts';
import { createOciGate } from './oci-access.ts';
import type { OciAccess, OciAccessOptions } from './oci-access.ts';
import { sendOciFailure, toOciFailure } from './oci-error.ts';
import type { OciFailure } from './oci-error.ts';
import { parseOciPath } from './oci-path.ts';
import type { OciPath } from './oci-path.ts';
import { cutPage, pageOf, sendJson } from './oci-request.ts';
import type { OciRequest } from './oci-request.ts';
import {
  appendChunk,
  beginUpload,
  finishUpload,
  progressHeaders,
  sendUploadStatus,
} from './upload-handlers.ts';

export interface OciDispatcherOptions extends OciAccessOptions {
  registry: Registry;
  audit: Audit;
  metrics: Metrics;
  log: Log;
}

export type OciDispatcher = ReturnType<typeof createOciDispatcher>;

/**
 * `/v2/`: the OCI distribution API, by which docker, skopeo and crane push and pull. It has a dispatcher of its own
 * because names hold slashes and bodies of any size stream to disk.
 */
export function createOciDispatcher(options: OciDispatcherOptions) {
  const { registry, log } = options;
  const gate = createOciGate(options);

  const read = async (path: OciPath, oci: OciRequest): Promise<void> => {
    if (path.kind === 'base') {
      gate.caller(oci.request);
      return sendJson(oci.response, {});
    }
    if (path.kind === 'catalog') return sendCatalog(gate.caller(oci.request), oci);
    if (path.kind === 'upload') {
      const access = gate.write(oci.request, path.name);
      return sendUploadStatus({ registry, gate, access }, path.id, oci);
    }
    if (path.kind === 'uploads') throw notAllowed(oci.request);
    const access = gate.read(oci.request, path.name);
    if (path.kind === 'blob') return sendBlob(registry, access, path.digest, oci);
    if (path.kind === 'manifest') return sendManifest(registry, access, path.reference, oci);
    if (path.kind === 'tags') return sendTags(registry, access, oci);
    return sendReferrers(registry, access, path.digest, oci);
  };

  const sendCatalog = ({ workspace }: Caller, { response, query }: OciRequest): void => {
    const spell = (repository: string): string => `${workspace.name}/${repository}`;
    const page = pageOf(query);
    const after = page.after.slice(page.after.indexOf('/') + 1);
    const found = registry.repositories(workspace.id, after, page.limit + 1);
    const { shown, headers } = cutPage(found, page, '/v2/_catalog', spell);
    sendJson(response, { repositories: shown }, headers);
  };

  const change = async (path: OciPath, access: OciAccess, oci: OciRequest): Promise<void> => {
    const context = { registry, gate, access };
    const operation = `${oci.request.method} ${path.kind}`;
    if (path.kind === 'uploads' && operation === 'POST uploads') return beginUpload(context, oci);
    if (path.kind === 'upload') {
      if (operation === 'PATCH upload') return appendChunk(context, path.id, oci);
      if (operation === 'PUT upload') return finishUpload(context, path.id, oci);
      if (operation === 'DELETE upload') {
        await registry.cancelUpload(access.at, path.id);
        return void oci.response.writeHead(204).end();
      }
    }
    if (path.kind === 'manifest' && operation === 'PUT manifest')
      return putManifest(registry, access, path.reference, oci);
    if (path.kind === 'manifest' && operation === 'DELETE manifest') {
      registry.removeManifest(access.at, path.reference);
      return void oci.response.writeHead(202, { 'content-length': '0' }).end();
    }
    if (path.kind === 'blob' && operation === 'DELETE blob') {
      registry.removeBlob(access.at, path.digest);
      return void oci.response.writeHead(202, { 'content-length': '0' }).end();
    }
    throw notAllowed(oci.request);
  };

  const write = async (path: OciPath, oci: OciRequest): Promise<void> => {
    if (!('name' in path)) throw notAllowed(oci.request);
    const event: AuditEvent = { action: auditActionOf(path, oci.request), target: path.name, result: 'ok' };
    if (oci.request.socket.remoteAddress) event.address = oci.request.socket.remoteAddress;
    let access: OciAccess | undefined;
    try {
      access = gate.write(oci.request, path.name);
      event.caller = access.caller;
      await change(path, access, oci);
    } catch (error) {
      event.result = toOciFailure(error)?.code ?? 'internal';
      if (access && path.kind === 'upload') placeHeaders(oci.response, access, path.id, error);
      throw error;
    } finally {
      // Blobs mean nothing until a manifest names them.
      if (path.kind === 'manifest' || oci.request.method === 'DELETE') options.audit.record(event);
    }
  };

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const stopTimer = options.metrics.timeRequest('registry');
    let result = 'ok';
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    response.setHeader('x-content-type-options', 'nosniff');
    try {
      const [rawPath = '', rawQuery = ''] = (request.url ?? '').split('?', 2);
      const oci = { request, response, query: new URLSearchParams(rawQuery) };
      const path = parseOciPath(rawPath);
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      await (isRead ? read(path, oci) : write(path, oci));
    } catch (error) {
      result = fail(request, response, error, log);
    } finally {
      stopTimer(result);
    }
  };
}

const auditActionOf = (path: OciPath, request: IncomingMessage): string =>
  `registry.${request.method?.toLowerCase()}.${path.kind}`;

const notAllowed = ({ method }: IncomingMessage): RegistryError =>
  new RegistryError('unsupported', `${method} is not supported here`);

/** A client whose chunk came to the wrong place learns where to go on. */
function placeHeaders(response: ServerResponse, access: OciAccess, id: string, error: unknown): void {
  const detail = error instanceof RegistryError && error.kind === 'range_invalid' ? error.detail : undefined;
  if (typeof detail !== 'object' || detail === null || !('sizeBytes' in detail)) return;
  const { location, range } = progressHeaders(access, id, Number(detail.sizeBytes));
  response.setHeader('location', location);
  response.setHeader('range', range);
}

const SMALL_BODY_BYTES = 1024 * 1024;

/** Answers with the error, and returns its code. */
function fail(request: IncomingMessage, response: ServerResponse, error: unknown, log: Log): string {
  const shown = toOciFailure(error) ?? internalFailure;
  if (response.headersSent || response.destroyed || request.socket.destroyed) {
    response.destroy();
    return shown.code;
  }
  if (shown === internalFailure) {
    log.error(
      { err: error, method: request.method, path: request.url?.split('?')[0] },
      'the registry failed',
    );
  }
  // What is left of a small body is read, so that the client sees the answer; a large one costs the connection.
  const isSmall = Number(request.headers['content-length'] ?? SMALL_BODY_BYTES) < SMALL_BODY_BYTES;
  const isRead = request.complete || isSmall;
  if (isRead) request.resume();
  sendOciFailure(response, shown, isRead ? {} : { connection: 'close' });
  return shown.code;
}

const internalFailure: OciFailure = {
  status: 500,
  code: 'UNKNOWN',
  message: 'the server failed to answer this request; its log has the cause',
};
