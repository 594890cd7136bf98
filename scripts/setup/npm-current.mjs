// Exits 0 if node_modules is what package-lock.json asks for. npm writes its own record of what it installed
// when it is done, so an interrupted install has none. JavaScript, because it runs before a Node that reads
// TypeScript is there.
import { existsSync, readFileSync } from 'node:fs';

const wanted = read('package-lock.json');
const installed = read('node_modules/.package-lock.json');
process.exit(installed !== undefined && wanted !== undefined && isCurrent() ? 0 : 1);

function read(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined;
}

/** Packages for other systems are in the lockfile alone; workspaces and the root are not installed. */
function isCurrent() {
  const packages = Object.entries(wanted).filter(([path]) => path.startsWith('node_modules/'));
  return packages.every(([path, { version, link, optional, peer }]) => {
    const found = installed[path];
    if (found === undefined) return optional === true || peer === true;
    return link === true || (found.version === version && existsSync(path));
  });
}
