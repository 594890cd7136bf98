import { CliError, UsageError } from '../../failure.ts';

const resources = {
  sandbox: ['sandbox', 'sandboxes', 'sb', 'sbx'],
  image: ['image', 'images', 'img'],
  workspace: ['workspace', 'workspaces', 'ws'],
  hub: ['sandbox-hub', 'hub'],
} as const;

export type Resource = keyof typeof resources;

/** What a word on the line means. Other products of the hosted service are not served. */
export function resourceOf(word: string, allowed: readonly Resource[]): Resource {
  const found = allowed.find((name) => resources[name].some((alias) => alias === word));
  if (found !== undefined) return found;
  throw new UsageError(`"${word}" is none of ${allowed.map((name) => resources[name][0]).join(', ')}`);
}

export interface ImageReference {
  name: string;
  tag?: string;
}

/** `sandbox/NAME[:TAG]`; the kind may be left out, for there is one. */
export function imageReferenceOf(text: string): ImageReference {
  const [, kind = 'sandbox', name, tag] =
    /^(?:([a-z_]+)\/)?([^/:]+(?:\/[^/:]+)*)(?::([\w.-]+))?$/.exec(text) ?? [];
  if (name === undefined) throw new UsageError(`"${text}" is no image: sandbox/NAME[:TAG]`);
  if (!['sandbox', 'sandboxes', '_'].includes(kind))
    throw new CliError(`there are no images of ${kind}`, 'Images are sandbox/NAME.');
  return { name, ...(tag !== undefined && { tag }) };
}
