import type { PreviewToken, SandboxPreview, SandboxPreviews } from '@atoll/sdk';

/** An address that lets in whoever has it, for a while. */
export interface Link {
  preview: SandboxPreview;
  token: PreviewToken;
  port: number;
  address: string;
}

/** Names of previews are chosen: this one is nobody else's. */
const nameOf = (port: number): string => `console-port-${port}`;

/** Makes a link to a port that holds for that long. */
export async function createLink(previews: SandboxPreviews, port: number, lifetimeMs: number): Promise<Link> {
  const metadata = { name: nameOf(port) };
  const preview = await previews.createIfNotExists({ metadata, spec: { port, public: false } });
  return toLink(preview, await preview.tokens.create(new Date(Date.now() + lifetimeMs)));
}

/** The links to ports of a sandbox that still hold, whoever made them. */
export async function readLinks(previews: SandboxPreviews): Promise<Link[]> {
  const closed = (await previews.list()).filter(({ spec }) => !spec.public);
  const found = await Promise.all(
    closed.map(async (preview) => (await preview.tokens.list()).map((token) => toLink(preview, token))),
  );
  return found.flat().filter(({ token }) => !token.expired);
}

function toLink(preview: SandboxPreview, token: PreviewToken): Link {
  const { port, url = '' } = preview.spec;
  const address = new URL(url.endsWith('/') ? url : `${url}/`);
  address.searchParams.set('bl_preview_token', token.value);
  return { preview, token, port, address: address.href };
}
