import { debianMinimal } from '../debian-minimal/recipe.ts';
import type { OnDemandRecipe } from './recipe.ts';

/** What an image of the Blaxel hub has, beside what all images of this server have. */
export interface HubImage {
  name: string;
  /** What the hosted image of this name is. */
  standsInFor: string;
  /** In what else it differs; a part of a sentence. */
  differs?: string;
  packages: readonly string[];
  labels?: Readonly<Record<string, string>>;
  /** What sandboxes of the Blaxel API start. */
  entrypoint?: readonly string[];
}

/** The hosted images are Alpine or come from a registry; these are made of Debian's packages alone. */
export const hubImage = ({
  name,
  standsInFor,
  differs,
  packages,
  labels,
  entrypoint,
}: HubImage): OnDemandRecipe => ({
  name: `blaxel/${name}`,
  base: debianMinimal.base,
  sources: [
    {
      base: debianMinimal.base,
      source: debianMinimal.source,
      substitutes: {
        for: standsInFor,
        reason: `this server makes its images from the archive of Debian${differs === undefined ? '' : `: ${differs}`}`,
      },
    },
  ],
  packages: [...debianMinimal.packages, ...packages],
  labels: { 'dev.atoll.user': 'root', 'dev.atoll.workdir': '/blaxel', ...labels },
  ...(entrypoint && { entrypoint }),
});
