import { command } from '../command.ts';
import { maskKey } from '../output/format.ts';

export const whoami = command({
  name: 'whoami',
  summary: 'which server, which key, and what it may do',
  args: {},
  options: {},
  failure: 'ask whose key this is',
  run: async ({ context }) => {
    const identity = await context.admin.whoami({ signal: context.signal });
    const settings = await context.admin.settings();
    const { apiUrl, apiUrlSource, apiKeySource } = settings;
    const shown = { ...identity, apiUrl, apiUrlSource, apiKeySource };
    const fields: [string, string][] = [
      ['Key', `${maskKey(settings.apiKey ?? '')} (from ${apiKeySource ?? 'nowhere'})`],
      ['Key ID', identity.keyId],
      ['Name', identity.keyName],
      ['Member', `${identity.member.name} (${identity.member.id})`],
      ['Role', identity.role],
      ['Organization', `${identity.account.name} (${identity.account.id})`],
      ['Workspace', `${identity.workspace.name} (${identity.workspace.id})`],
    ];
    await context.output.result(shown, () =>
      [
        'Endpoints',
        `  Cloud API   : ${apiUrl} (from ${apiUrlSource})`,
        `  Sandbox API : ${apiUrl}`,
        `  Server      : Atoll ${identity.server.version}, runtime ${identity.server.runtime}`,
        '',
        'Credentials',
        '',
        identity.kind === 'personal' ? '  Personal Access Token' : '  API Key',
        ...fields.map(([name, value]) => `    ${name.padEnd(13)}: ${value}`),
      ].join('\n'),
    );
  },
});
