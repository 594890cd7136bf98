import { fileRoutes } from './atoll/file.ts';
import * as build from './atoll/build.ts';
import * as buildSsh from './atoll/build-ssh.ts';
import * as event from './atoll/event.ts';
import * as image from './atoll/image.ts';
import * as imageShare from './atoll/image-share.ts';
import * as network from './atoll/network.ts';
import * as quota from './atoll/quota.ts';
import * as registryLogin from './atoll/registry-login.ts';
import * as server from './atoll/server.ts';
import * as serverHealth from './atoll/server-health.ts';
import * as session from './atoll/session.ts';
import * as usage from './atoll/usage.ts';
import * as tenancy from './atoll/tenancy.ts';
import * as blaxelDeployment from './blaxel/deployment.ts';
import * as blaxelCredential from './blaxel/credential.ts';
import * as blaxelImage from './blaxel/image.ts';
import * as blaxelImageShare from './blaxel/image-share.ts';
import * as blaxelPreview from './blaxel/preview.ts';
import * as blaxelSandbox from './blaxel/sandbox.ts';
import * as blaxelAbsent from './blaxel/absent.ts';
import * as blaxelSchedule from './blaxel/schedule.ts';
import * as blaxelSnapshot from './blaxel/snapshot.ts';
import * as blaxelUser from './blaxel/user.ts';
import * as blaxelVolume from './blaxel/volume.ts';
import * as blaxelWorkspace from './blaxel/workspace.ts';
import type { Route } from './route.ts';
import { dataPlane } from './tensorlake/data-plane.ts';
import * as fileSystem from './tensorlake/file-system.ts';
import * as platform from './tensorlake/platform.ts';
import * as log from './tensorlake/log.ts';
import * as pool from './tensorlake/pool.ts';
import * as sshKey from './tensorlake/ssh-key.ts';
import * as secret from './tensorlake/secret.ts';
import * as sandbox from './tensorlake/sandbox.ts';
import * as template from './tensorlake/template.ts';
import * as snapshot from './tensorlake/snapshot.ts';
import { terminalRoutes } from './tensorlake/terminal.ts';

const isRoute = (value: unknown): value is Route =>
  typeof value === 'object' && value !== null && 'paths' in value && 'access' in value;

/** Every route that the server itself answers. */
export const controlRoutes: readonly Route[] = [
  server,
  serverHealth,
  network,
  platform,
  template,
  sandbox,
  log,
  snapshot,
  pool,
  secret,
  fileSystem,
  sshKey,
  tenancy,
  quota,
  session,
  event,
  usage,
  image,
  imageShare,
  registryLogin,
  build,
  buildSsh,
  blaxelSandbox,
  blaxelImage,
  blaxelImageShare,
  blaxelDeployment,
  blaxelPreview,
  blaxelSchedule,
  blaxelSnapshot,
  blaxelVolume,
  blaxelAbsent,
  blaxelWorkspace,
  blaxelUser,
  blaxelCredential,
].flatMap((module) => Object.values(module).filter(isRoute));

/** Routes that the gateway passes to the agent of the addressed sandbox. */
export const dataPlaneRoutes: readonly Route[] = [
  ...Object.values(dataPlane),
  ...Object.values(fileRoutes),
  ...Object.values(terminalRoutes),
];
