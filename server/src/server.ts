import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openBuildSession } from './agent/build-session.ts';
import { openAgentBinaries } from './agent/binary.ts';
import { createIdentityFolders } from './agent/identity.ts';
import { ensureAdminKey } from './admin-key.ts';
import { isLoopback } from './config.ts';
import { createTemplateBuildStore } from './build/template/template-build-store.ts';
import { createTemplateBuilds } from './build/template/template-builds.ts';
import type { TemplateBuilds } from './build/template/template-builds.ts';
import { openCheckpointStore } from './checkpoint/checkpoint-store.ts';
import type { ServerConfig } from './config.ts';
import { requireCertificates } from './extra-ca.ts';
import { createAddressReader } from './gateway/address.ts';
import { createClientReader } from './gateway/client.ts';
import { createGateway } from './gateway/gateway.ts';
import { createLocalPorts } from './gateway/local-ports.ts';
import { createPortGateway } from './gateway/port-gateway.ts';
import { createPortUrls } from './gateway/port-url.ts';
import { createLocalPortStore } from './store/local-port-store.ts';
import { createAuthentication } from './http/authentication.ts';
import { createBuilds } from './build/builds.ts';
import type { Builds } from './build/builds.ts';
import { buildRoutes } from './http/atoll/build-routes.ts';
import { imageRoutes } from './http/atoll/image-routes.ts';
import { networkRoutes } from './http/atoll/network-routes.ts';
import { serverRoutes } from './http/atoll/server-routes.ts';
import { tenancyRoutes } from './http/atoll/tenancy-routes.ts';
import { createBaseUrlReader } from './http/base-url.ts';
import { createHttpServer } from './listener.ts';
import { createMetrics } from './http/metrics.ts';
import { createOciDispatcher } from './http/oci/oci-dispatcher.ts';
import { platformRoutes } from './http/tensorlake/platform-routes.ts';
import { snapshotRoutes } from './http/tensorlake/snapshot-routes.ts';
import { poolRoutes } from './http/tensorlake/pool-routes.ts';
import { sshKeyRoutes } from './http/tensorlake/ssh-key-routes.ts';
import { secretRoutes } from './http/tensorlake/secret-routes.ts';
import { templateRoutes } from './http/tensorlake/template-routes.ts';
import { sandboxRoutes } from './http/tensorlake/sandbox-routes.ts';
import { createImageDefinitions } from './image/image-definitions.ts';
import type { ImageDefinitions } from './image/image-definitions.ts';
import { openImageStore } from './image/image-store.ts';
import type { ImageStore } from './image/image-store.ts';
import { removeEmptyFolders } from './lib/empty-folder.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { openHost } from './host.ts';
import { checkHost, usualLimits } from './sandbox/admission.ts';
import { openRangesOf, policyOf } from './sandbox/network-rules.ts';
import { createSandboxes } from './sandbox/sandboxes.ts';
import type { Sandboxes } from './sandbox/sandboxes.ts';
import { createSlotPool } from './sandbox/slot-pool.ts';
import { createSnapshotRecords } from './snapshot/snapshot-records.ts';
import { createSnapshots } from './snapshot/snapshots.ts';
import type { Snapshots } from './snapshot/snapshots.ts';
import { openKeyRing } from './secret/key-ring.ts';
import { createSecretStore } from './secret/secret-store.ts';
import type { SecretStore } from './secret/secret-store.ts';
import { openDataDir, writePrivate } from './store/data-dir.ts';
import type { DataDir } from './store/data-dir.ts';
import { openDb } from './store/db.ts';
import type { Db } from './store/db.ts';
import { createNetworkOpenings } from './store/network-openings.ts';
import { createPoolStore } from './store/pool-store.ts';
import { openHostKey } from './ssh/host-key.ts';
import { createSshServer } from './ssh/ssh-server.ts';
import { createSandboxStore } from './store/sandbox-store.ts';
import { createTenancy } from './tenancy/tenancy.ts';
import type { Tenancy } from './tenancy/tenancy.ts';
import { serverFileContent } from './server-file.ts';
import { followTls, readTls } from './tls-context.ts';
import { version } from './version.ts';

/** A server that answers. */
export interface RunningServer {
  url: string;
  /** Stops answering, lets operations end, and keeps running sandboxes for the next start. */
  close(): Promise<void>;
}

/** Ended sandboxes leave `list` after a day and stay in `archived-sandboxes`. */
const LIST_ENDED_FOR_MS = 24 * 3_600_000;
const CLOSE_GRACE_MS = 5_000;
const FLUSH_KEY_USE_EVERY_MS = 60_000;
/** More starts at once would only make each other slower. */
const MAX_STARTS_AT_ONCE = 8;
const MAX_WAITING_STARTS = 1000;

/**
 * Puts the parts together, settles what an earlier process left, and begins to answer; `signal` gives up between two
 * steps. A start that does not come to its end closes what it had opened just as a stop does: the last part first, and
 * the others also where one of them fails.
 */
export async function startServer(
  config: ServerConfig,
  log: Log,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunningServer> {
  if (config.extraCaFile !== undefined) requireCertificates(config.extraCaFile);
  const opened = new AsyncDisposableStack();
  try {
    const url = await open({ config, log, signal, opened });
    return { url, close: () => opened.disposeAsync() };
  } catch (error) {
    await opened
      .disposeAsync()
      .catch((err: unknown) => log.error({ err }, 'a start that failed left something behind'));
    throw error;
  }
}

interface Start {
  config: ServerConfig;
  log: Log;
  signal: AbortSignal;
  opened: AsyncDisposableStack;
}

async function open(start: Start): Promise<string> {
  const { config, log, signal, opened } = start;
  const dataDir = openDataDir(config.dataDir);
  opened.defer(() => dataDir.unlock());
  const db = openDb(dataDir.databasePath);
  opened.defer(() => db.close());
  const tenancy = createTenancy({ db, clock: systemClock, log });
  opened.defer(() => tenancy.authenticator.flushUse());
  opened.defer(() => tenancy.audit.flush());
  ensureAdminKey({ config, dataDir, tenancy });

  const secrets = openSecrets(dataDir, db, log);
  const parts = await openParts(start, { dataDir, db, tenancy, secrets });
  signal.throwIfAborted();
  const { http, localPorts } = await openHttp(start, { ...parts, tenancy, secrets, db });
  log.info(await parts.sandboxes.open(), 'reconciled');
  localPorts.start(http.accept);
  await openSsh(start, { dataDir, tenancy, sandboxes: parts.sandboxes });
  await parts.builds.open();
  signal.throwIfAborted();
  const flushing = setInterval(() => keepKeyUse(tenancy, log), FLUSH_KEY_USE_EVERY_MS).unref();
  opened.defer(() => clearInterval(flushing));
  const url = await listen(http, config, dataDir);
  opened.defer(() => rmSync(dataDir.serverFilePath, { force: true }));
  return url;
}

function openSecrets(dataDir: DataDir, db: Db, log: Log): SecretStore {
  const secrets = createSecretStore({
    db,
    keyRing: openKeyRing(dataDir.secretKeysPath),
    clock: systemClock,
    log,
  });
  secrets.finishRotation();
  return secrets;
}

/** What runs sandboxes: the host, the images, and the sandboxes themselves. */
async function openParts(
  { config, log, signal, opened }: Start,
  { dataDir, db, tenancy, secrets }: { dataDir: DataDir; db: Db; tenancy: Tenancy; secrets: SecretStore },
) {
  const runDir = join(config.runDir, dataDir.instanceId);
  opened.defer(() => removeEmptyFolders(runDir));
  const agents = await openAgentBinaries({ source: config.agentBinary, dataDir: dataDir.path });
  signal.throwIfAborted();
  const store = createSandboxStore(db);
  const openings = createNetworkOpenings(db);
  const policyOfSlot = (slotId: string) => {
    const record = store.bySlot(slotId);
    return record && policyOf(openings, record);
  };
  const host = await openHost({
    config,
    dataDir,
    runDir,
    pauseBinary: agents.current.path,
    policyOf: policyOfSlot,
    log,
  });
  opened.defer(() => host.network.close());
  opened.defer(async () => {
    // What still runs keeps what it stands on, for the next start to adopt.
    if ((await host.driver.list()).length === 0) await host.driver.close();
  });
  signal.throwIfAborted();
  const { insecureRegistries } = config;
  const recipes = { recipesDir: config.recipesDir, cacheDir: join(config.cacheDir, 'on-demand') };
  const images = await openImageStore({
    db,
    dataDir: dataDir.path,
    runDir,
    log,
    insecureRegistries,
    recipes,
  });
  opened.defer(() => images.closeAll());
  signal.throwIfAborted();
  await images.importCatalog(config.cacheDir);
  const checkpoints = await openCheckpointStore({
    db,
    dataDir: dataDir.path,
    serverKey: dataDir.serverKey,
    log,
    onRemoved: (id) => images.dropReferences({ kind: 'checkpoint', id }),
  });
  opened.defer(() => checkpoints.settled());
  const pool = createSlotPool({
    ...host,
    log,
    usualLimits,
    minReady: config.readySlots,
    maxReady: Math.max(8, config.readySlots),
  });
  const identities = createIdentityFolders({
    runDir,
    ...(config.extraCaFile !== undefined && { extraCaFile: config.extraCaFile }),
  });
  const snapshots = createSnapshots({
    records: createSnapshotRecords(db),
    transaction: db.transaction,
    images,
    clock: systemClock,
    log,
  });
  opened.defer(() => snapshots.close());
  const sandboxes = createSandboxes({
    ...host,
    store,
    openings,
    pools: createPoolStore(db),
    transaction: db.transaction,
    flush: () => void db.flush(),
    checkpoints,
    images,
    snapshots,
    secrets,
    pool,
    agents,
    identities,
    serverKey: dataDir.serverKey,
    clock: systemClock,
    log,
    dataDir: dataDir.path,
    admission: config.admission,
    maxStarts: MAX_STARTS_AT_ONCE,
    maxWaiting: MAX_WAITING_STARTS,
    listEndedForMs: LIST_ENDED_FOR_MS,
    onBuilder: (record, call, ended) => {
      void openBuildSession(call, ended).then(
        (session) => session && templateBuilds.serve(record, session),
        (err: unknown) => log.warn({ sandboxId: record.id, err }, 'a builder was lost'),
      );
    },
    onEnded: ({ id, workspaceId }, reason) =>
      tenancy.audit.record({
        action: `sandbox.${reason}`,
        target: id,
        result: 'ok',
        caller: { workspace: { id: workspaceId } },
      }),
  });
  opened.defer(() => sandboxes.close());
  const { serverKey, path } = dataDir;
  const definitions = createImageDefinitions(db);
  const builds = createBuilds({
    ...host,
    openRangesOf: (workspaceId) => openRangesOf(openings, workspaceId),
    checkHost: () => checkHost(path, config.admission),
    definitions,
    db,
    images,
    agents,
    identities,
    serverKey,
    dataDir: path,
    runDir,
    log,
  });
  opened.defer(() => builds.close());
  const templateBuilds = createTemplateBuilds({
    store: createTemplateBuildStore(db),
    builds,
    images,
    definitions,
    serverKey: dataDir.serverKey,
    log,
  });
  templateBuilds.recover();
  return { images, snapshots, sandboxes, builds, definitions, templateBuilds };
}

/** SSH is served where it is asked for. */
async function openSsh(
  { config, log, opened }: Start,
  { dataDir, tenancy, sandboxes }: { dataDir: DataDir; tenancy: Tenancy; sandboxes: Sandboxes },
): Promise<void> {
  if (config.ssh === undefined) return;
  const { host } = config.ssh;
  const { sshKeys, onAccessChange, audit } = tenancy;
  const hostKey = openHostKey(dataDir.path);
  const ssh = await createSshServer({ sandboxes, sshKeys, onAccessChange, audit, hostKey, log });
  opened.defer(() => ssh.close());
  log.info({ host, port: await ssh.listen(host, config.ssh.port) }, 'listening for SSH');
}

interface HttpParts {
  builds: Builds;
  images: ImageStore;
  definitions: ImageDefinitions;
  templateBuilds: TemplateBuilds;
  snapshots: Snapshots;
  sandboxes: Sandboxes;
  tenancy: Tenancy;
  secrets: SecretStore;
  db: Db;
}

async function openHttp({ config, log, opened }: Start, parts: HttpParts) {
  const { builds, images, snapshots, sandboxes, tenancy, secrets, db } = parts;
  const authenticate = createAuthentication(tenancy.authenticator);
  const gateway = createGateway({ sandboxes, authenticate, log });
  opened.defer(() => gateway.close());
  const ports = createPortGateway({ sandboxes, authenticate, clientOf: createClientReader(config), log });
  opened.defer(() => ports.close());
  const localPorts = createLocalPorts({
    sandboxes,
    store: createLocalPortStore(db),
    log,
    ...(config.localPorts && { host: isLoopback(config.host) ? config.host : '127.0.0.1' }),
  });
  opened.defer(() => localPorts.close());
  const portUrls = createPortUrls({ ...config, findLocalPort: localPorts.find });
  const metrics = createMetrics({ sandboxes });
  const { tls } = config;
  const http = await createHttpServer({
    ...(tls && { tls: readTls(tls) }),
    bindings: [
      ...serverRoutes({ version, metrics }),
      ...platformRoutes({ tenancy }),
      ...sandboxRoutes({ sandboxes, portUrls: { of: portUrls, settled: localPorts.settled } }),
      ...poolRoutes({ pools: sandboxes.pools }),
      ...secretRoutes({ secrets }),
      ...snapshotRoutes({ sandboxes, snapshots }),
      ...sshKeyRoutes({ sshKeys: tenancy.sshKeys }),
      ...tenancyRoutes({ tenancy, version, runtime: config.runtime }),
      ...networkRoutes({ sandboxes, tenancy }),
      ...imageRoutes({ images, definitions: parts.definitions, pruneBuildCaches: builds.pruneCaches, log }),
      ...buildRoutes({ builds, sandboxes }),
      ...templateRoutes({ ...parts, transaction: db.transaction }),
    ],
    authenticate,
    baseUrlOf: createBaseUrlReader(config),
    readAddress: createAddressReader({ ...config, localPortOf: localPorts.ownerOf }),
    audit: tenancy.audit,
    gateway,
    ports,
    trustProxy: config.trustProxy,
    registry: createOciDispatcher({
      registry: images.registry,
      authenticator: tenancy.authenticator,
      findWorkspaceId: tenancy.accounts.findWorkspaceId,
      audit: tenancy.audit,
      metrics,
      log,
    }),
    metrics,
    log,
  });
  if (tls) opened.defer(followTls(tls, http.renewTls, log));
  opened.defer(() => http.close(CLOSE_GRACE_MS));
  return { http, localPorts };
}

/** When keys were used is worth no more than a line in the log where it cannot be written. */
function keepKeyUse({ authenticator }: Tenancy, log: Log): void {
  try {
    authenticator.flushUse();
  } catch (err) {
    log.warn({ err }, 'cannot write when keys were used');
  }
}

/** The command line on the same machine finds server and key by these two files. */
async function listen(
  http: Awaited<ReturnType<typeof createHttpServer>>,
  config: ServerConfig,
  dataDir: DataDir,
): Promise<string> {
  const port = await http.listen(config.host, config.port);
  const shownHost = config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host;
  const url = `http://${shownHost.includes(':') ? `[${shownHost}]` : shownHost}:${port}`;
  writePrivate(dataDir.serverFilePath, serverFileContent(url));
  return url;
}
