import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { randomId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import type { Db } from '../store/db.ts';
import { openBlobStore } from './blob-store.ts';
import type { BlobStore } from './blob-store.ts';
import { readCatalog } from './catalog.ts';
import { createGarbageCollector } from './garbage/garbage-collector.ts';
import type { PruneOptions, PruneReport } from './garbage/garbage-collector.ts';
import { createGarbageRecords } from './garbage/garbage-records.ts';
import { verifyNewName } from './image-name.ts';
import { createImageDefinitions } from './image-definitions.ts';
import { describeLayers } from './image-layers.ts';
import type { ImageLayer } from './image-layers.ts';
import { createImageNames, parseName } from './image-names.ts';
import { createImageLists } from './image-lists.ts';
import type { ImageLists } from './image-lists.ts';
import { createImageRecords } from './image-records.ts';
import type { ImageRecords, ReferenceHolder, Registration } from './image-records.ts';
import type { ImportRequest } from './import-request.ts';
import { defaultLayerLimits } from './layer-limits.ts';
import type { LayerLimits } from './layer-limits.ts';
import { createLayerAdder } from './layer-adder.ts';
import type { DerivedImage, UpperLayer } from './layer-adder.ts';
import { openLayerStore } from './layer-store.ts';
import { readLayout } from './oci-layout.ts';
import type { LayoutImage } from './oci-layout.ts';
import { createRegistry } from './registry/registry.ts';
import type { Registry } from './registry/registry.ts';
import { createRepositoryRecords } from './registry/repository-records.ts';
import { createUploadStore, defaultUploadLimits } from './registry/upload-store.ts';
import type { UploadLimits } from './registry/upload-store.ts';
import { createRemoteImporter } from './remote/import-remote.ts';
import { createLogIn } from './remote/log-in.ts';
import type { NewRegistryLogin, RegistryLogin, RegistryLogins } from './remote/registry-logins.ts';
import type { RemoteImporter } from './remote/import-remote.ts';
import { createPuller } from './remote/pull-image.ts';
import { createRemoteHttp, defaultRemoteLimits } from './remote/remote-http.ts';
import type { RemoteLimits } from './remote/remote-http.ts';
import { createPlainHosts } from './remote/plain-hosts.ts';
import { describeByName, findBase, findOwnOrBase, resolveImage, resolveManifest } from './resolve.ts';
import type {
  ImageDescription,
  LocalBase,
  NamedManifest,
  ResolvedImage,
  RunnableManifest,
} from './resolve.ts';
import { createRecipeImages } from './recipe-images.ts';
import { createRootfsSource } from './rootfs.ts';
import type { Rootfs } from './rootfs.ts';
import { createUnpackAhead } from './unpack-ahead.ts';
import { createWorkshop } from './workshop.ts';
import type { Workshop } from './workshop.ts';
import { createRootfsMounts } from './rootfs-mounts.ts';

export type {
  DerivedImage,
  ImageDescription,
  ImportRequest,
  PruneOptions,
  NamedManifest,
  PruneReport,
  ReferenceHolder,
  Registration,
  ResolvedImage,
  Rootfs,
  RunnableManifest,
  UpperLayer,
};

export interface ImageStoreOptions {
  db: Db;
  /** Of mode 0700: unpacked layers hold setuid files and device nodes. */
  dataDir: string;
  /** Holds the mounts of rootfs; by default a folder of the data directory. */
  runDir?: string;
  log: Log;
  limits?: LayerLimits;
  uploadLimits?: UploadLimits;
  remoteLimits?: RemoteLimits;
  /** Registries beyond this machine that may be talked to without encryption. */
  insecureRegistries?: readonly string[];
  /** What workspaces are known by at other registries. */
  registryLogins?: RegistryLogins;
  /** Images that are built on demand: their recipes, and the cache for what was built. */
  recipes?: { recipesDir: string; cacheDir: string };
  /** Unpacking takes root. Without it images can be registered and described, and are unpacked on first use. */
  canUnpack?: boolean;
  now?: () => number;
}

export interface ImageStore {
  /** Where builds put images together. */
  readonly workshop: Workshop;
  /** The same images as repositories of a registry. */
  readonly registry: Registry;
  /** Images of other registries. */
  readonly remote: RemoteImporter;
  readonly lists: ImageLists;
  /** Keeps a login at another registry for the pulls of a workspace, once that registry has taken it. */
  logIn(workspaceId: string, login: NewRegistryLogin, signal: AbortSignal): Promise<RegistryLogin>;
  /** Takes an image in from an OCI layout and names it. Does no work for what is already here. */
  importLayout(request: ImportRequest, signal?: AbortSignal): Promise<ImageDescription>;
  /** Imports the base images that set-up left in `<cacheDir>/images`. */
  importCatalog(cacheDir: string, signal?: AbortSignal): Promise<ImageDescription[]>;
  resolve(workspaceId: string, ref: string): ResolvedImage;
  /** What a build means by a reference; absent: an image of a registry. */
  findBase(workspaceId: string, ref: string): LocalBase | undefined;
  /** Name of the image that a reference means and that is built when it is first asked for, while it is not. */
  findUnbuilt(workspaceId: string, ref: string): string | undefined;
  /** Builds such an image and takes it in; one build serves all who wait. */
  provide(name: string, signal: AbortSignal): Promise<void>;
  /** What sandboxes need to know of a manifest that is here, with or without a name. */
  resolveManifest(manifestDigest: string): RunnableManifest;
  describe(workspaceId: string, ref: string): ImageDescription;
  /** What the image of a manifest is stacked of, from the lowest up. */
  layers(manifestDigest: string): ImageLayer[];
  /** Refuses a name that could not be registered; answers its parts. */
  verifyRegistration(
    workspaceId: string,
    name: string,
    isPublic: boolean | undefined,
  ): { repository: string; tag: string };
  /** Names an image once more. */
  tag(workspaceId: string, ref: string, name: string): ImageDescription;
  /** Takes away a name, or by id an image with all its names; its bytes go when nothing else needs them. */
  remove(workspaceId: string, ref: string): void;
  /** Frees what nothing reaches, safely beside pushes, imports and sandboxes. */
  prune(options: PruneOptions): Promise<PruneReport>;
  /** Names a manifest that is here. The name moves to it, as by a push. */
  registerManifest(registration: Registration, manifestDigest: string): ImageDescription;
  /**
   * Makes a new image of an existing one and an upper directory. `commit` runs in the transaction that makes it known,
   * and has to write who keeps it; the stream may be left half read when the promise rejects.
   */
  addLayer(
    upper: UpperLayer,
    commit: (derived: DerivedImage) => void,
    signal: AbortSignal,
  ): Promise<DerivedImage>;
  /** Unpacks what is not unpacked yet, and tells how much all layers hold. */
  unpack(manifestDigest: string, signal?: AbortSignal): Promise<{ unpackedBytes: number }>;
  acquireRootfs(manifestDigest: string, signal?: AbortSignal): Promise<Rootfs>;
  /** Keeps a manifest from garbage collection. Call it in the transaction that writes the holder. */
  addReference(manifestDigest: string, holder: ReferenceHolder): void;
  dropReferences(holder: ReferenceHolder): void;
  /** Unmounts what an earlier process left mounted, but for the rootfs paths that sandboxes use. */
  reconcileMounts(inUse: Iterable<string>): Promise<void>;
  /** Ends unpacking in flight and unmounts every rootfs that nobody holds. */
  closeAll(): Promise<void>;
}

/** What unfinished pushes and removed images leave goes by itself. */
const COLLECT_EVERY_MS = 3_600_000;

/** Opens the images of a data directory and removes what an earlier process left half done. */
export async function openImageStore(options: ImageStoreOptions): Promise<ImageStore> {
  const { db, dataDir, log, now = Date.now } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const closing = new AbortController();
  const records = createImageRecords(db, now);
  const blobs = await openBlobStore(join(dataDir, 'blobs'), closing.signal);
  const layers = await openLayerStore({
    dir: join(dataDir, 'layers'),
    limits: options.limits ?? defaultLayerLimits,
    closing: closing.signal,
    onUnpacked: records.addSource,
  });
  const mountDir = join(options.runDir ?? join(dataDir, 'mounts'), 'rootfs');
  await mkdir(mountDir, { recursive: true, mode: 0o700 });
  // Mounts are found by path, which the kernel tells with all links resolved.
  const mounts = createRootfsMounts({ dir: await realpath(mountDir), log });
  const rootfs = createRootfsSource({ records, blobs, layers, mounts });
  const canUnpack = options.canUnpack ?? process.getuid?.() === 0;
  const until = (signal?: AbortSignal): AbortSignal =>
    signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]);
  records.endAllLeases();
  const uploads = createUploadStore(blobs.tempDir, options.uploadLimits ?? defaultUploadLimits, now);
  const unpackAhead = createUnpackAhead({ rootfs, log, closing: closing.signal });
  const repositories = createRepositoryRecords(db, now);
  const names = createImageNames({ records, repositories, definitions: createImageDefinitions(db) });
  const garbageRecords = createGarbageRecords(db);
  await blobs.recoverTrash(garbageRecords.isKnownBlob);
  const garbage = createGarbageCollector({
    records: garbageRecords,
    blobs,
    layers,
    mounts,
    uploads,
    pinned: rootfs.pinned,
    now,
  });
  const collectInBackground = (): void =>
    void garbage.collect({}).catch((error: unknown) => log.warn({ err: error }, 'garbage stays on disk'));
  const collecting = setInterval(collectInBackground, COLLECT_EVERY_MS).unref();
  const registry = createRegistry({
    blobs,
    records,
    repositories,
    uploads,
    onImage: (digest) => {
      if (canUnpack) unpackAhead(digest);
    },
  });
  const addLayer = createLayerAdder({ blobs, records, transaction: db.transaction });
  const mayBePlain = createPlainHosts(options.insecureRegistries ?? []);
  const configured = new Set(options.insecureRegistries?.map((host) => host.toLowerCase()));
  const http = createRemoteHttp(options.remoteLimits ?? defaultRemoteLimits, mayBePlain, (host) =>
    configured.has(host),
  );
  const puller = createPuller({ http, blobs, records, mayBePlain, closing: closing.signal });
  const remote = createRemoteImporter({
    pull: puller.pull,
    records,
    repositories,
    logins: options.registryLogins,
    ...(canUnpack && { unpack: (digest, signal) => rootfs.unpack(digest, until(signal)) }),
  });
  if (canUnpack) await mounts.share();

  const workshop = createWorkshop({
    blobs,
    records,
    rootfs,
    unpackAhead: (digest) => {
      if (canUnpack) unpackAhead(digest);
    },
  });

  const importLayout = async (request: ImportRequest, signal?: AbortSignal): Promise<ImageDescription> => {
    verifyNewName(request.workspaceId, request.repository, request.tag);
    const image = await readLayout(request.layoutDir);
    const id = await withLease(records, image, async () => {
      await copyBlobs(blobs, image, until(signal));
      records.addManifest(image);
      if (canUnpack) await rootfs.unpack(image.descriptor.digest, until(signal));
      return records.register(request, image.descriptor.digest);
    });
    return describeByName(records, request.workspaceId, id);
  };
  const recipeImages = createRecipeImages({
    recipesDir: options.recipes?.recipesDir,
    cacheDir: options.recipes?.cacheDir,
    isTaken: (workspaceId, ref) => findOwnOrBase(records, workspaceId, ref) !== undefined,
    importLayout,
    closing: closing.signal,
    log,
  });
  return {
    workshop,
    registry,
    remote,
    lists: createImageLists(db, records),
    logIn: createLogIn({ http, mayBePlain, logins: options.registryLogins }),
    findUnbuilt: recipeImages.findUnbuilt,
    provide: recipeImages.provide,
    importLayout,
    async importCatalog(cacheDir, signal) {
      const imported: ImageDescription[] = [];
      for (const request of await readCatalog(cacheDir)) imported.push(await importLayout(request, signal));
      return imported;
    },
    resolve: (workspaceId, ref) => resolveImage(records, workspaceId, ref),
    findBase: (workspaceId, ref) => findBase(records, workspaceId, ref),
    resolveManifest: (manifestDigest) => resolveManifest(records, manifestDigest),
    registerManifest(registration, manifestDigest) {
      const { workspaceId, repository, tag } = registration;
      verifyNewName(workspaceId, repository, tag);
      return describeByName(records, workspaceId, records.register(registration, manifestDigest));
    },
    addLayer: (upper, commit, signal) => addLayer(upper, commit, until(signal)),
    async unpack(manifestDigest, signal) {
      await rootfs.unpack(manifestDigest, until(signal));
      return { unpackedBytes: records.unpackedBytes(manifestDigest) };
    },
    layers: (manifestDigest) => describeLayers(records, manifestDigest),
    describe: (workspaceId, ref) => describeByName(records, workspaceId, ref),
    verifyRegistration(workspaceId, name, isPublic) {
      const at = parseName(workspaceId, name);
      records.verifyOwner({ workspaceId, ...at, isPublic });
      return at;
    },
    tag: (workspaceId, ref, name) => describeByName(records, workspaceId, names.tag(workspaceId, ref, name)),
    remove(workspaceId, ref) {
      names.remove(workspaceId, ref);
      collectInBackground();
    },
    prune: garbage.collect,
    acquireRootfs: (manifestDigest, signal) => rootfs.acquire(manifestDigest, until(signal)),
    addReference: records.addReference,
    dropReferences: records.dropReferences,
    reconcileMounts: (inUse) => mounts.reconcile(inUse),
    async closeAll() {
      closing.abort();
      clearInterval(collecting);
      await garbage.settled();
      await uploads.closeAll();
      await Promise.all([recipeImages.settled(), blobs.settled(), layers.settled(), puller.settled()]);
      await mounts.reconcile([]);
      if (canUnpack) await mounts.unshare();
    },
  };
}

/** Until a manifest names them, the blobs of an import belong to nobody else. */
async function withLease<T>(records: ImageRecords, image: LayoutImage, work: () => Promise<T>): Promise<T> {
  const leaseId = randomId(16);
  records.lease(
    leaseId,
    blobsOf(image).map(({ digest }) => digest),
  );
  try {
    return await work();
  } finally {
    records.endLease(leaseId);
  }
}

async function copyBlobs(blobs: BlobStore, image: LayoutImage, signal: AbortSignal): Promise<void> {
  for (const { digest, size } of blobsOf(image))
    await blobs.add(digest, size, image.blobPath(digest), signal);
}

const blobsOf = ({ descriptor, manifest }: LayoutImage) => [descriptor, manifest.config, ...manifest.layers];
