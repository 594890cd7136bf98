import { hostile } from './layer-path.ts';
import type { TarEntry } from './tar-entry.ts';

/** What the layer holds under a path so far. Directories keep their entry: it may have to be written again. */
type Content =
  /** Without an entry where only members below it name it: it is made with them. */
  | { is: 'directory'; entry?: TarEntry }
  | { is: 'whiteout' }
  | { is: 'symlink' }
  /** Stands in the archive only: what is unpacked is a whiteout. */
  | { is: 'device' }
  | { is: 'other' };

interface Node {
  content: Content;
  members?: Map<string, Node>;
}

/**
 * The names of a layer while it streams by. It proves, before a byte reaches the disk, that no member is
 * written through a link of the same layer. Every question takes one step per directory above the path.
 */
export class LayerTree {
  readonly #root: Node = { content: { is: 'directory' } };
  #impliedCount = 0;

  /** Directories that no member of their own has announced, but members below them. */
  get impliedCount(): number {
    return this.#impliedCount;
  }

  get(path: string): Content | undefined {
    if (path === '') return this.#root.content;
    const parts = path.split('/');
    let node: Node | undefined = this.#root;
    for (const part of parts) node = node?.members?.get(part);
    return node?.content;
  }

  add(path: string, content: Content): void {
    const node = this.#node(path);
    node.content = content;
    if (content.is !== 'directory') delete node.members;
  }

  /** Paths above `path` that the layer has marked as removed from lower layers; topmost first. */
  whiteoutsAbove(path: string): string[] {
    const found: string[] = [];
    this.#eachAbove(path, ({ is }, end) => {
      if (is === 'whiteout') found.push(path.slice(0, end));
    });
    return found;
  }

  /** Throws when something above `path` is no directory. */
  verifyParents(path: string): void {
    this.#eachAbove(path, ({ is }, end) => {
      if (is === 'directory' || is === 'whiteout') return;
      const shown = JSON.stringify(path.slice(0, end));
      if (is === 'symlink') throw hostile(path, `goes through the symbolic link ${shown}`);
      throw hostile(path, `lies below ${shown}, which is no directory`);
    });
  }

  /** The kind of an earlier member that a hard link may point to. */
  linkTarget(path: string, target: string): Content {
    this.verifyParents(target);
    const found = this.get(target);
    if (found !== undefined && found.is !== 'directory' && found.is !== 'whiteout') return found;
    throw hostile(path, `is a hard link to ${JSON.stringify(target)}, which is no earlier file of the layer`);
  }

  /** Visits what is known of the directories above `path`, from the top, with where their names end in `path`. */
  #eachAbove(path: string, visit: (content: Content, end: number) => void): void {
    let node = this.#root;
    let start = 0;
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', start)) {
      const next = node.members?.get(path.slice(start, slash));
      if (next === undefined) return;
      visit(next.content, slash);
      node = next;
      start = slash + 1;
    }
  }

  /** The node of `path`; directories on the way that are unknown come into being, as they do on disk. */
  #node(path: string): Node {
    let node = this.#root;
    if (path === '') return node;
    const parts = path.split('/');
    for (const [index, part] of parts.entries()) {
      const isImplied = index < parts.length - 1;
      node = node.members?.get(part) ?? this.#newNode(node, part, isImplied);
    }
    return node;
  }

  #newNode(parent: Node, name: string, isImplied: boolean): Node {
    if (isImplied) this.#impliedCount++;
    const node: Node = { content: { is: 'directory' } };
    parent.members ??= new Map();
    parent.members.set(name, node);
    return node;
  }
}
