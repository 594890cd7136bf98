import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call } from '../blaxel/calls.ts';
import type { Guide } from './blocks.ts';
import type { Workbench } from './workbench.ts';

const SHARE = '/v0/images/sandbox/guide-base/share';

/** The blocks of the guide that share an image, by requests of their own and by `bl`. */
export function testShareBlocks(server: () => TestServer, bench: () => Workbench, guide: () => Guide): void {
  const make = async (path: string, body: object): Promise<{ account: { id: string } }> => {
    const answer = await call(server(), 'POST', path, body);
    expect(answer.status).toBe(201);
    return answer.body as { account: { id: string } }; // of an account, the one use
  };
  const inTemplate = [
    ['<imageName>', 'guide-base'],
    ['<targetWorkspace>', 'production'],
  ] as const;
  const inUrl = () =>
    [
      ['https://api.blaxel.ai', server().url],
      ['{imageName}', 'guide-base'],
    ] as const;
  const shares = async () => (await call(server(), 'GET', SHARE)).body;
  const active = [expect.objectContaining({ workspace: 'production', status: 'active' })];

  test('an image is shared and taken back by `bl` and by requests', async () => {
    await make('/v1/workspaces', { name: 'production' });
    await bench().shell(guide().take(77, inTemplate));
    expect(await shares()).toEqual(active);
    await bench().shell(guide().take(81, inTemplate));
    expect(await shares()).toEqual([]);
    await bench().shell(guide().take(78, inUrl()));
    expect(JSON.parse((await bench().shell(guide().take(80, inUrl()))).stdout)).toEqual(active);
    await bench().shell(guide().take(82, [...inUrl(), ['{targetWorkspace}', 'production']]));
    expect(await shares()).toEqual([]);
  });

  test('an image is offered to another account', async () => {
    const owner = { name: 'partner', workspace: 'partner', ownerName: 'Owner' };
    const { account } = await make('/v1/accounts', owner);
    const target = [
      ['"production"', '"partner"'],
      ['TARGET-ACCOUNT-ID', account.id],
    ] as const;
    const lines = `export SOURCE_WORKSPACE=default\n${guide().take(79, [...inUrl(), ...target])}`;
    const { stdout } = await bench().shell(lines);
    expect(JSON.parse(stdout)).toMatchObject({ imageName: 'guide-base', targetWorkspace: 'partner' });
    expect(await shares()).toEqual([expect.objectContaining({ workspace: 'partner', status: 'pending' })]);
  });
}
