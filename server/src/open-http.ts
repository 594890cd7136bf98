import { systemClock } from './lib/clock.ts';
import { isLoopback } from './config.ts';
import type { TemplateBuilds } from './build/template/template-builds.ts';
import { createAddressReader } from './gateway/address.ts';
import { createClientReader } from './gateway/client.ts';
import { createGateway } from './gateway/gateway.ts';
import { createLocalPorts } from './gateway/local-ports.ts';
import { createPortGateway } from './gateway/port-gateway.ts';
import { createPortUrls, createPreviewUrls } from './gateway/port-url.ts';
import { createPreviewGate } from './gateway/preview-gate.ts';
import { createPreviews } from './sandbox/previews.ts';
import { createPreviewStore } from './store/preview-store.ts';
import { createQuotaStore } from './store/quota-store.ts';
import { createLocalPortStore } from './store/local-port-store.ts';
import { createAuthentication } from './http/authentication.ts';
import { usualLimits } from './build/build-limits.ts';
import type { Builds } from './build/builds.ts';
import { createConsoleFiles } from './http/console/console-files.ts';
import { buildRoutes } from './http/atoll/build-routes.ts';
import { eventRoutes } from './http/atoll/event-routes.ts';
import { usageRoutes } from './http/atoll/usage-routes.ts';
import { createEventViews } from './http/event-views.ts';
import { createChangeFeed } from './store/change-feed.ts';
import { imageRoutes } from './http/atoll/image-routes.ts';
import { imageShareRoutes } from './http/atoll/image-share-routes.ts';
import { quotaRoutes } from './http/atoll/quota-routes.ts';
import { registryRoutes } from './http/atoll/registry-routes.ts';
import { networkRoutes } from './http/atoll/network-routes.ts';
import { serverRoutes } from './http/atoll/server-routes.ts';
import { serverHealthRoutes } from './http/atoll/server-health-routes.ts';
import { sessionRoutes } from './http/atoll/session-routes.ts';
import { tenancyRoutes } from './http/atoll/tenancy-routes.ts';
import { blaxelRoutes } from './http/blaxel/blaxel-routes.ts';
import { createBaseUrlReader } from './http/base-url.ts';
import { createHttpServer } from './listener.ts';
import { createMetrics } from './http/metrics.ts';
import { createOciDispatcher } from './http/oci/oci-dispatcher.ts';
import { platformRoutes } from './http/tensorlake/platform-routes.ts';
import { logRoutes } from './http/tensorlake/log-routes.ts';
import { snapshotRoutes } from './http/tensorlake/snapshot-routes.ts';
import { poolRoutes } from './http/tensorlake/pool-routes.ts';
import { sshKeyRoutes } from './http/tensorlake/ssh-key-routes.ts';
import { fileSystemRoutes } from './http/tensorlake/file-system-routes.ts';
import { secretRoutes } from './http/tensorlake/secret-routes.ts';
import { templateRoutes } from './http/tensorlake/template-routes.ts';
import { createSandboxView, sandboxRoutes } from './http/tensorlake/sandbox-routes.ts';
import type { ImageDefinitions } from './image/image-definitions.ts';
import type { ImageStore } from './image/image-store.ts';
import type { RegistryLogins } from './image/remote/registry-logins.ts';
import { createImageShares } from './sharing/image-shares.ts';
import type { Sandboxes } from './sandbox/sandboxes.ts';
import type { Snapshots } from './snapshot/snapshots.ts';
import type { createSshEndpoint } from './ssh-endpoint.ts';
import type { SandboxEnvironments } from './secret/sandbox-environments.ts';
import type { SecretStore } from './secret/secret-store.ts';
import type { Db } from './store/db.ts';
import type { ScheduleStore } from './store/schedule-store.ts';
import type { VolumeTemplates } from './volume/volume-templates.ts';
import type { Volumes } from './volume/volumes.ts';
import type { Tenancy } from './tenancy/tenancy.ts';
import { checkMachine, createStatusReader } from './server-status.ts';
import { followTls, readTls } from './tls-context.ts';
import { openDeclared } from './open-declared.ts';
import { version } from './version.ts';
import type { Start } from './start.ts';

const CLOSE_GRACE_MS = 5_000;

interface HttpParts {
  builds: Builds;
  images: ImageStore;
  definitions: ImageDefinitions;
  templateBuilds: TemplateBuilds;
  volumes: Volumes;
  volumeTemplates: VolumeTemplates;
  snapshots: Snapshots;
  sandboxes: Sandboxes;
  tenancy: Tenancy;
  secrets: SecretStore;
  environments: SandboxEnvironments;
  scheduleStore: ScheduleStore;
  registryLogins: RegistryLogins;
  ssh: Pick<ReturnType<typeof createSshEndpoint>, 'get'>;
  db: Db;
  serverKey: Buffer;
}

export async function openHttp(start: Start, parts: HttpParts) {
  const { config, log, opened } = start;
  const { builds, images, snapshots, sandboxes, tenancy, secrets, db } = parts;
  const authenticate = createAuthentication(tenancy.authenticator);
  const previews = createPreviews({
    store: createPreviewStore(db),
    serverKey: parts.serverKey,
    clock: systemClock,
  });
  const enterPreview = createPreviewGate(previews);
  const { access } = tenancy;
  previews.onChange(access.review);
  const gateway = createGateway({ sandboxes, authenticate, enterPreview, access, log });
  opened.defer(() => gateway.close());
  const ports = createPortGateway({
    sandboxes,
    authenticate,
    isKey: tenancy.authenticator.isKey,
    enterPreview,
    access,
    clientOf: createClientReader(config),
    log,
  });
  opened.defer(() => ports.close());
  const localPorts = createLocalPorts({
    sandboxes,
    store: createLocalPortStore(db),
    log,
    ...(config.localPorts && { host: isLoopback(config.host) ? config.host : '127.0.0.1' }),
  });
  opened.defer(() => localPorts.close());
  const portUrls = createPortUrls({ ...config, findLocalPort: localPorts.find });
  const show = createSandboxView({ portUrls, ssh: parts.ssh.get });
  const shares = createImageShares({ db, clock: systemClock });
  const declared = openDeclared(start, parts);
  const metrics = createMetrics({ sandboxes });
  /** Ends what would otherwise be followed for ever. */
  const closing = new AbortController();
  const { tls } = config;
  const http = await createHttpServer({
    ...(tls && { tls: readTls(tls) }),
    bindings: [
      ...serverRoutes({ version, metrics }),
      ...serverHealthRoutes({
        readStatus: createStatusReader({ config, sandboxes, builds }),
        check: (signal) => checkMachine(config, signal),
        closing: closing.signal,
      }),
      ...platformRoutes({ tenancy }),
      ...sandboxRoutes({ sandboxes, show, portsSettled: localPorts.settled }),
      ...logRoutes({ sandboxes, closing: closing.signal }),
      ...poolRoutes({ pools: sandboxes.pools }),
      ...secretRoutes({ secrets }),
      ...fileSystemRoutes({ ...parts, show }),
      ...snapshotRoutes({ sandboxes, snapshots }),
      ...sshKeyRoutes({ sshKeys: tenancy.sshKeys }),
      ...tenancyRoutes({ tenancy, version, runtime: config.runtime }),
      ...registryRoutes({ logins: parts.registryLogins, logIn: images.logIn }),
      ...quotaRoutes({
        tenancy,
        quotas: createQuotaStore(db),
        usual: { sandboxes: config.admission.maxLivingPerWorkspace, builds: usualLimits.maxPerWorkspace },
      }),
      ...networkRoutes({ sandboxes, tenancy }),
      ...sessionRoutes(tenancy),
      ...usageRoutes({ sandboxes, closing: closing.signal }),
      ...eventRoutes({
        feed: createChangeFeed(db),
        views: createEventViews({ ...parts, showSandbox: show }),
        closing: closing.signal,
      }),
      ...imageRoutes({ images, definitions: parts.definitions, pruneBuildCaches: builds.pruneCaches, log }),
      ...imageShareRoutes({ shares }),
      ...buildRoutes({ builds, sandboxes }),
      ...templateRoutes({ ...parts, transaction: db.transaction }),
      ...blaxelRoutes({
        ...parts,
        ...declared,
        shares,
        previews,
        previewUrl: createPreviewUrls(config),
        clock: systemClock,
        standbyAfterSecs: config.standbyAfterSecs,
      }),
    ],
    authenticate,
    access,
    baseUrlOf: createBaseUrlReader(config),
    readAddress: createAddressReader({
      ...config,
      localPortOf: localPorts.ownerOf,
      findPreview: previews.byId,
    }),
    audit: tenancy.audit,
    consoleFiles: createConsoleFiles({ folder: config.consoleDir }),
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
  opened.defer(() => closing.abort());
  return { http, localPorts, schedules: declared.schedules };
}
