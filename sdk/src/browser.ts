/** The SDK for pages that the server itself serves: what needs neither files nor sockets of this machine. */
export * from './admin-client.ts';
export { allPages } from './all-pages.ts';
export type { ImageShare, PendingImageShare } from './image-shares.ts';
export type { RegistryLogin } from './registry-logins.ts';
export type { ServerCheck, ServerChecks, ServerStatus } from './server-health.ts';
export { endBrowserSession, openBrowserSession } from './browser-session.ts';
export { BuildClient } from './build-client.ts';
export type { Build, BuildDebugging, BuildEvent, BuildStatus } from './build-client.ts';
export type { ClientOptions } from './connection.ts';
export type { DirectoryEntry, DirectoryListing } from './file-content.ts';
export type { FileSystem, FileSystemMount, FileSystemSnapshot } from './file-system-info.ts';
export type { FileInfo } from './file-info.ts';
export { RemoteAPIError, SandboxConnectionError, SandboxError, SandboxNotFoundError } from './errors.ts';
export type { CreatePoolOptions, SandboxPoolInfo } from './pool-info.ts';
export type { ProcessInfo } from './process-info.ts';
export type { Pty } from './pty.ts';
export type { NetworkReport, SandboxUsage, UsageSample } from '@atoll/protocol';
export type { PtySessionInfo } from './pty-session.ts';
export { Sandbox } from './sandbox.ts';
export type {
  CreatePreview,
  PreviewToken,
  SandboxPreview,
  SandboxPreviews,
} from './blaxel/sandbox-previews.ts';
export { SandboxClient } from './sandbox-client.ts';
export type { CreateSandboxOptions, NetworkConfig, PortUrl, SandboxInfo } from './sandbox-info.ts';
export type { SnapshotInfo } from './snapshots.ts';
export { toWorkspaceChange } from './workspace-change.ts';
export type { WorkspaceChange } from './workspace-change.ts';
export type { WorkspaceEvent, WorkspaceEventsOptions } from './workspace-events.ts';
