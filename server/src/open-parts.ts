import { join } from 'node:path';
import { openBuildSession } from './agent/build-session.ts';
import { openAgentBinaries } from './agent/binary.ts';
import { createIdentityFolders } from './agent/identity.ts';
import { createTemplateBuildStore } from './build/template/template-build-store.ts';
import { createTemplateBuilds } from './build/template/template-builds.ts';
import { openCheckpointStore } from './checkpoint/checkpoint-store.ts';
import type { ServerConfig } from './config.ts';
import { unpackArchive } from './build/build-context.ts';
import { createBuilds } from './build/builds.ts';
import { createImageDefinitions } from './image/image-definitions.ts';
import { openImageStore } from './image/image-store.ts';
import { createLayerTool } from './image/layer-tool.ts';
import type { ImageStore } from './image/image-store.ts';
import type { RegistryLogins } from './image/remote/registry-logins.ts';
import { holdLauncher } from './lib/launcher.ts';
import { openJournals } from './journal/journals.ts';
import { removeEmptyFolders } from './lib/empty-folder.ts';
import { systemClock } from './lib/clock.ts';
import { openHost } from './host.ts';
import { checkHost, usualLimits, volumeLimitsOf } from './sandbox/admission.ts';
import { openRangesOf, policyOf } from './sandbox/network-rules.ts';
import { createSandboxes } from './sandbox/sandboxes.ts';
import { createSlotPool } from './sandbox/slot-pool.ts';
import { slotRoom } from './sandbox/slot-room.ts';
import { createSnapshotRecords } from './snapshot/snapshot-records.ts';
import { createSnapshots } from './snapshot/snapshots.ts';
import type { SandboxEnvironments } from './secret/sandbox-environments.ts';
import type { SecretStore } from './secret/secret-store.ts';
import type { DataDir } from './store/data-dir.ts';
import type { Db } from './store/db.ts';
import { createDeclarationStore } from './store/declaration-store.ts';
import { createNetworkOpenings } from './store/network-openings.ts';
import { createPoolStore } from './store/pool-store.ts';
import { checkDiskQuota } from './sandbox/quota.ts';
import { createQuotaStore } from './store/quota-store.ts';
import { createSandboxStore } from './store/sandbox-store.ts';
import type { Tenancy } from './tenancy/tenancy.ts';
import { openVolumes } from './volume/open-volumes.ts';
import type { OpenVolumes } from './volume/open-volumes.ts';
import type { Start } from './start.ts';

/** More starts at once would only make each other slower. */
const MAX_STARTS_AT_ONCE = 8;
const MAX_WAITING_STARTS = 1000;
/** Ended sandboxes leave `list` after a day and stay in `archived-sandboxes`. */
const LIST_ENDED_FOR_MS = 24 * 3_600_000;

/** What the parts stand on, opened before them. */
export interface Ground {
  dataDir: DataDir;
  db: Db;
  tenancy: Tenancy;
  secrets: SecretStore;
  environments: SandboxEnvironments;
  registryLogins: RegistryLogins;
}

/** What runs sandboxes: the host, the images, and the sandboxes themselves. */
export async function openParts(start: Start, ground: Ground) {
  const { config, log, opened } = start;
  const { dataDir, db } = ground;
  const host = await openRuntime(start, ground);
  const images = await openImages(start, ground);
  const checkpoints = await openCheckpoints(start, ground, images);
  const snapshots = createSnapshots({
    records: createSnapshotRecords(db),
    transaction: db.transaction,
    images,
    checkpoints,
    clock: systemClock,
    log,
  });
  opened.defer(() => snapshots.close());
  const { volumes, volumeTemplates, sandboxVolumes } = await openFileSystems(start, ground, host);
  const journals = openJournals({ dataDir: dataDir.path, now: systemClock.now, log });
  const sandboxes = createSandboxes({
    ...host,
    journals,
    volumes: sandboxVolumes,
    pools: createPoolStore(db),
    quotas: createQuotaStore(db),
    transaction: db.transaction,
    flush: () => void db.flush(),
    checkpoints,
    images,
    snapshots,
    secrets: ground.secrets,
    environments: ground.environments,
    declarations: createDeclarationStore(db),
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
        (session) => session && building.templateBuilds.serve(record, session),
        (err: unknown) => log.warn({ sandboxId: record.id, err }, 'a builder was lost'),
      );
    },
    onEnded: ({ id, workspaceId }, reason) =>
      ground.tenancy.audit.record({
        action: `sandbox.${reason}`,
        target: id,
        result: 'ok',
        caller: { workspace: { id: workspaceId } },
      }),
  });
  opened.defer(() => sandboxes.close());
  const building = openBuilding(start, ground, host, images);
  return { images, snapshots, volumes, volumeTemplates, sandboxes, ...building };
}

type Host = Awaited<ReturnType<typeof openRuntime>>;

/** Driver and network with the slots that they make, and what a sandbox is given in one: its agent and its identity. */
async function openRuntime({ config, log, signal, opened }: Start, { dataDir, db }: Ground) {
  const runDir = runDirOf(config, dataDir);
  let isInUse = true; // until it is known
  opened.defer(() => (isInUse ? undefined : removeEmptyFolders(runDir)));
  const agents = await openAgentBinaries({ source: config.agentBinary, dataDir: dataDir.path });
  const onLost = (end: object): void => log.warn(end, 'the launcher of programs died: it is started again');
  opened.defer(await holdLauncher(agents.current.path, onLost));
  signal.throwIfAborted();
  const store = createSandboxStore(db);
  const openings = createNetworkOpenings(db);
  const policyOfSlot = (slotId: string) => {
    const record = store.bySlot(slotId);
    return record && policyOf(openings, record);
  };
  const pauseBinary = agents.current.path;
  const host = await openHost({ config, dataDir, runDir, pauseBinary, policyOf: policyOfSlot, log });
  opened.defer(() => host.network.close());
  opened.defer(async () => {
    // What still runs keeps what it stands on, empty folders too, for the next start to adopt.
    isInUse = (await host.driver.list()).length > 0;
    if (!isInUse) await host.driver.close();
  });
  signal.throwIfAborted();
  const { extraCaFile, readySlots } = config;
  const pool = createSlotPool({
    ...host,
    log,
    usualLimits,
    minReady: readySlots,
    maxReady: slotRoom(readySlots),
  });
  const identities = createIdentityFolders({ runDir, ...(extraCaFile !== undefined && { extraCaFile }) });
  return { ...host, pool, agents, store, openings, identities };
}

async function openImages(
  { config, log, signal, opened }: Start,
  { dataDir, db, registryLogins }: Ground,
): Promise<ImageStore> {
  const images = await openImageStore({
    db,
    registryLogins,
    dataDir: dataDir.path,
    runDir: runDirOf(config, dataDir),
    log,
    insecureRegistries: config.insecureRegistries,
    recipes: { recipesDir: config.recipesDir, cacheDir: join(config.cacheDir, 'on-demand') },
  });
  opened.defer(() => images.closeAll());
  signal.throwIfAborted();
  await images.importCatalog(config.cacheDir);
  return images;
}

async function openCheckpoints({ log, opened }: Start, { dataDir, db }: Ground, images: ImageStore) {
  const checkpoints = await openCheckpointStore({
    db,
    dataDir: dataDir.path,
    serverKey: dataDir.serverKey,
    log,
    onRemoved: (id) => images.dropReferences({ kind: 'checkpoint', id }),
  });
  opened.defer(() => checkpoints.settled());
  return checkpoints;
}

async function openFileSystems(
  { config, log, opened }: Start,
  { dataDir, db }: Ground,
  { driver, agents }: Host,
): Promise<OpenVolumes> {
  const { admission } = config;
  const tool = createLayerTool(agents.current.path);
  const quotas = createQuotaStore(db);
  const volumes = await openVolumes({
    db,
    dataDir: dataDir.path,
    runDir: runDirOf(config, dataDir),
    limits: volumeLimitsOf(admission),
    ...(!driver.capabilities.volumes && { unsupportedBy: driver.name }),
    checkHost: () => checkHost(dataDir.path, admission),
    checkQuota: (workspaceId, moreMb) => checkDiskQuota(quotas, workspaceId, moreMb),
    unpack: (root, archive, signal) => unpackArchive(tool, root, archive, signal),
    clock: systemClock,
    log,
  });
  opened.defer(() => volumes.close());
  return volumes;
}

/** The builder, and what clients that drive a build themselves talk to. */
function openBuilding(
  { config, log, opened }: Start,
  { dataDir, db }: Ground,
  host: Host,
  images: ImageStore,
) {
  const { serverKey, path } = dataDir;
  const definitions = createImageDefinitions(db);
  const builds = createBuilds({
    ...host,
    slots: host.pool,
    openRangesOf: (workspaceId) => openRangesOf(host.openings, workspaceId),
    checkHost: () => checkHost(path, config.admission),
    definitions,
    db,
    images,
    serverKey,
    dataDir: path,
    runDir: runDirOf(config, dataDir),
    log,
  });
  opened.defer(() => builds.close());
  const store = createTemplateBuildStore(db);
  const templateBuilds = createTemplateBuilds({ store, builds, images, definitions, serverKey, log });
  templateBuilds.recover();
  return { builds, definitions, templateBuilds };
}

/** What lives no longer than the machine runs. */
const runDirOf = (config: ServerConfig, { instanceId }: DataDir): string => join(config.runDir, instanceId);
