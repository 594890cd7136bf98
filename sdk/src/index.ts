export * from './admin-client.ts';
export type { AuditPage } from './audit-page.ts';
export { ImageShares } from './image-shares.ts';
export { RegistryLogins } from './registry-logins.ts';
export type { NewRegistryLogin, RegistryLogin } from './registry-logins.ts';
export { ServerHealth } from './server-health.ts';
export type { ServerCheck, ServerChecks, ServerStatus } from './server-health.ts';
export type { ImageShare, PendingImageShare, ShareImageOptions } from './image-shares.ts';
export type { ClientOptions } from './connection.ts';
export { readDockerCredentials, readDockerCredentialsFor } from './docker-config.ts';
export type { DockerAuth, DockerConfigSource, DockerCredentials } from './docker-config.ts';
export { FileSystems } from './file-systems.ts';
export type {
  CreateFileSystemOptions,
  FileSystem,
  FileSystemMount,
  FileSystemSnapshot,
  UpdateFileSystemOptions,
} from './file-system-info.ts';
export { PoolInUseError, PoolNotFoundError } from './errors.ts';
export type {
  CreatePoolOptions,
  CreateSandboxPoolResponse,
  PoolContainerInfo,
  SandboxPoolInfo,
  UpdatePoolOptions,
} from './pool-info.ts';
export { RemoteAPIError, SandboxConnectionError, SandboxError, SandboxNotFoundError } from './errors.ts';
export type { DirectoryEntry, DirectoryListing, FileContent } from './file-content.ts';
export type { FileChange, FileInfo, FileListing, FileMatch } from './file-info.ts';
export { SandboxFiles } from './sandbox-files.ts';
export type {
  FileOptions,
  FindOptions,
  FolderTransferOptions,
  ListTreeOptions,
  SearchOptions,
  TransferOptions,
  TreeOptions,
  UploadTreeOptions,
  WatchOptions,
} from './sandbox-files.ts';
export type { TreeProgress } from './local-tree.ts';
export { OutputMode, ProcessStatus, StdinMode } from './process-info.ts';
export type {
  CommandResult,
  OutputEvent,
  OutputResponse,
  ProcessInfo,
  ProcessUser,
  RunEvent,
  RunOptions,
  StartProcessOptions,
} from './process-info.ts';
export type {
  ManagedProcessInfo,
  ProcessHealthCheck,
  RestartPolicy,
  RestartPolicyConfig,
} from './managed-process.ts';
export type { CreatePtyOptions, PtySessionInfo } from './pty-session.ts';
export { Pty } from './pty.ts';
export type { PtyConnectionOptions } from './pty.ts';
export type {
  ConnectDesktopOptions,
  Desktop,
  DoubleClickOptions,
  DragOptions,
  MouseButton,
  PointerOptions,
} from './desktop/desktop.ts';
export { TcpTunnel } from './tunnel.ts';
export type { CreateTunnelOptions, TunnelAddress } from './tunnel.ts';
export { Sandbox } from './sandbox.ts';
export type { DaemonInfo } from './daemon-info.ts';
export type { ConnectOptions, SettleOptions, WaitOptions } from './call-options.ts';
export type { ClaimOptions, CreateAndConnectOptions } from './lifecycle.ts';
export type {
  CreatePreview,
  PreviewToken,
  SandboxPreview,
  SandboxPreviews,
} from './blaxel/sandbox-previews.ts';
export { SandboxClient } from './sandbox-client.ts';
export type { ArchivedPage, ExposePortsOptions, ListArchivedOptions, ListOptions } from './sandbox-client.ts';
export type {
  CheckpointOptions,
  CreateSnapshotResponse,
  SnapshotAndWaitOptions,
  SnapshotInfo,
  SnapshotOptions,
  SnapshotStatus,
  RollbackOptions,
  SnapshotType,
} from './snapshots.ts';
export type { CopySandboxOptions, CopySandboxResponse } from './sandbox-copy.ts';
export { SandboxStatus } from './sandbox-info.ts';
export type {
  ArchivedSandboxInfo,
  ContainerResourcesInfo,
  CreateSandboxOptions,
  CreateSandboxResponse,
  NetworkConfig,
  PortUrl,
  SandboxInfo,
  SshEndpoint,
  UpdateSandboxOptions,
} from './sandbox-info.ts';
export type { NetworkReport, SandboxUsage, UsageSample } from '@atoll/protocol';
export type {
  FollowedLogEntry,
  FollowLogsOptions,
  GetSandboxLogsOptions,
  LogEntry,
  LogFilter,
  LoggedProcess,
  LogLevel,
  SandboxLogs,
} from './sandbox-logs.ts';
export { resolveSettings } from './settings.ts';
export type { ConnectionOptions, Settings } from './settings.ts';
export type { RequestTrace } from './transport.ts';
export { Image, dockerfileContent } from './image.ts';
export type { ImageBuildOperation, ImageOptions } from './image.ts';
export { buildImage, ImageBuildError } from './image-build.ts';
export type { BuildImageOptions, BuildSource, BuiltImage, ImageBuildMessage } from './image-build.ts';
export type { PushOptions } from './image-push.ts';
export type { SshSource } from './ssh-source.ts';
export { BuildClient } from './build-client.ts';
export { toWorkspaceChange } from './workspace-change.ts';
export type { WorkspaceChange } from './workspace-change.ts';
export type { WorkspaceEvent, WorkspaceEventsOptions } from './workspace-events.ts';
export type {
  Build,
  BuildDebugging,
  BuildEvent,
  BuildOptions,
  BuildResult,
  BuildStatus,
} from './build-client.ts';
export {
  createSandboxImage,
  deleteSandboxImage,
  findSandboxImageByName,
  importSandboxImage,
  listSandboxImages,
} from './sandbox-image.ts';
export type { ImportSandboxImageOptions, SandboxImageOptions } from './sandbox-image.ts';
