import * as protocol from '@atoll/protocol';
import type { ImageShare, PendingImageShare } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';

export type { ImageShare, PendingImageShare } from '@atoll/protocol';

export interface ShareImageOptions extends WaitOptions {
  /** The account of a workspace that is not of the own account. Its admins have to accept. */
  accountId?: string | undefined;
}

/**
 * Images that other workspaces use under the same name, with all tags as they are at any moment. Changes take an admin.
 * Methods throw RemoteAPIError.
 */
export class ImageShares {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Lets another workspace use an image: at once, or as an offer to another account. */
  async share(
    image: string,
    workspace: string,
    { accountId, ...wait }: ShareImageOptions = {},
  ): Promise<ImageShare> {
    const body = { workspace, accountId };
    const server = await this.#connection.server();
    return server.call(protocol.shareImage, { params: { name: image }, body }, wait);
  }

  /** Ends a share, or takes an offer back; sandboxes that run go on. */
  async unshare(image: string, workspace: string, options: WaitOptions = {}): Promise<void> {
    const params = { name: image, target: workspace };
    await (await this.#connection.server()).call(protocol.unshareImage, { params }, options);
  }

  /** Which workspaces use an image, or are to. */
  async list(image: string, options: WaitOptions = {}): Promise<ImageShare[]> {
    const server = await this.#connection.server();
    return (await server.call(protocol.listImageShares, { params: { name: image } }, options)).shares;
  }

  /** What waits for the answer of this workspace, or of others. */
  async pending(
    direction: 'incoming' | 'outgoing' = 'incoming',
    options: WaitOptions = {},
  ): Promise<PendingImageShare[]> {
    const server = await this.#connection.server();
    return (await server.call(protocol.listPendingImageShares, { query: { direction } }, options)).shares;
  }

  /** Accepts an offer; answers the name of the image here. With `force` whatever has that name loses it meanwhile. */
  async accept(id: string, { force, ...wait }: WaitOptions & { force?: boolean } = {}): Promise<string> {
    const input = { params: { id }, body: { force } };
    return (await (await this.#connection.server()).call(protocol.acceptImageShare, input, wait)).name;
  }

  /** Refuses an offer. */
  async decline(id: string, options: WaitOptions = {}): Promise<void> {
    await (await this.#connection.server()).call(protocol.declineImageShare, { params: { id } }, options);
  }
}
