import { hostile, parentOf } from './layer-path.ts';
import type { TarEntry } from './tar-entry.ts';

/** What the layer holds under a path so far. Directories keep their entry: it may have to be written again. */
type Node = { is: 'directory'; entry: TarEntry } | { is: 'whiteout' } | { is: 'symlink' } | { is: 'other' };

/**
 * The names of a layer while it streams by. It proves, before a byte reaches the disk, that no member is
 * written through a link of the same layer.
 */
export class LayerTree {
  readonly #nodes = new Map<string, Node>();
  /** The last directory found safe: members of one directory follow each other. */
  #safeParent = '';

  get(path: string): Node | undefined {
    return this.#nodes.get(path);
  }

  add(path: string, node: Node): void {
    this.#nodes.set(path, node);
    this.#safeParent = '';
  }

  /** Paths above `path` that the layer has marked as removed from lower layers; topmost first. */
  whiteoutsAbove(path: string): string[] {
    return ancestorsOf(path).filter((ancestor) => this.#nodes.get(ancestor)?.is === 'whiteout');
  }

  /** Throws when something above `path` is no directory. */
  verifyParents(path: string): void {
    const parent = parentOf(path);
    if (parent === this.#safeParent) return;
    for (const ancestor of ancestorsOf(path)) {
      const is = this.#nodes.get(ancestor)?.is;
      if (is === 'symlink') throw hostile(path, `goes through the symbolic link ${JSON.stringify(ancestor)}`);
      if (is === 'other')
        throw hostile(path, `lies below ${JSON.stringify(ancestor)}, which is no directory`);
    }
    this.#safeParent = parent;
  }

  /** The kind of an earlier member that a hard link may point to. */
  linkTarget(path: string, target: string): Node {
    this.verifyParents(target);
    const node = this.#nodes.get(target);
    if (node?.is === 'symlink' || node?.is === 'other') return node;
    throw hostile(path, `is a hard link to ${JSON.stringify(target)}, which is no earlier file of the layer`);
  }
}

function ancestorsOf(path: string): string[] {
  const ancestors: string[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    ancestors.push(path.slice(0, slash));
  }
  return ancestors;
}
