import { SandboxNotFoundError } from '@atoll/sdk';
import type { ArchivedSandboxInfo, SandboxInfo } from '@atoll/sdk';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { sandbox } from '../../option/sandbox.ts';
import { formatMounts } from '../../option/file-system.ts';
import { formatTime } from '../../output/format.ts';
import { formatSshConfig } from '../../output/ssh-config.ts';
import { formatFields } from '../../output/table.ts';

export const describe = command({
  name: 'describe',
  aliases: ['info'],
  summary: 'show everything about one sandbox',
  args: { sandbox },
  options: {},
  failure: 'describe sandbox',
  run: async ({ args, context }) => {
    const info = await find(context, args.sandbox);
    const { apiUrl } = await context.sandboxes.settings();
    const isOver = info.status === 'terminated';
    const ssh = isOver ? undefined : formatSshConfig(info, apiUrl);
    await context.output.result(info, () =>
      [formatFields(fieldsOf(info)), ssh && `SSH config:\n${ssh}`].filter(Boolean).join('\n\n'),
    );
  },
});

/** Terminated sandboxes are in the archive after a while. */
async function find(context: Context, id: string): Promise<SandboxInfo | ArchivedSandboxInfo> {
  const options = { signal: context.signal };
  try {
    return await context.sandboxes.get(id, options);
  } catch (error) {
    if (!(error instanceof SandboxNotFoundError)) throw error;
    return await context.sandboxes.getArchived(id, options).catch(() => Promise.reject(error));
  }
}

function fieldsOf(info: SandboxInfo | ArchivedSandboxInfo): (readonly [string, string | undefined])[] {
  return [
    ['ID', info.sandboxId],
    ['Name', info.name ?? '-'],
    ['Namespace', info.namespace],
    ['Status', info.status],
    ['Image', info.image ?? '-'],
    ['CPUs', String(info.resources.cpus)],
    ['Memory', `${info.resources.memoryMb} MB`],
    ['Disk', `${info.resources.diskMb} MB`],
    ['Proxy auth', info.allowUnauthenticatedAccess ? 'not required' : 'required'],
    ['Internet', (info.network?.allowInternetAccess ?? true) ? 'allowed' : 'blocked'],
    ['Created', formatTime(info.createdAt)],
    ['Timeout', info.timeoutSecs ? `${info.timeoutSecs}s` : 'none'],
    ['URL', info.sandboxUrl],
    ['Entrypoint', (info.entrypoint ?? []).join(' ')],
    ['Ports', info.exposedPorts.join(', ')],
    ['Allow out', (info.network?.allowOut ?? []).join(', ')],
    ['Deny out', (info.network?.denyOut ?? []).join(', ')],
    ['Secrets', info.secretNames.length === 0 ? undefined : info.secretNames.join(', ')],
    ['File systems', formatMounts(info.fileSystems)],
    ['Pool', info.poolId],
    ['Terminated', info.terminatedAt && formatTime(info.terminatedAt)],
    ['Outcome', info.outcome],
    ['Reason', info.terminationReason],
    ['Error', info.errorDetails?.message],
    ['Archived', 'archivedAt' in info ? formatTime(info.archivedAt) : undefined],
  ];
}
