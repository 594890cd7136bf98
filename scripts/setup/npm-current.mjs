// Exits 0 if node_modules is what package-lock.json asks for, and names the packages that differ if not. npm
// writes its own record of what it installed when it is done, so an interrupted install has none. JavaScript,
// because it runs before a Node that reads TypeScript is there.
import { existsSync, readFileSync } from 'node:fs';

const wanted = read('package-lock.json');
const installed = read('node_modules/.package-lock.json');
const differing = [...Object.keys(wanted), ...Object.keys(installed)].filter((path) => !isCurrent(path));
if (differing.length > 0) console.log([...new Set(differing)].join('\n'));
process.exit(differing.length === 0 ? 0 : 1);

function read(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {};
}

/**
 * Packages for other systems are in the lockfile alone; workspaces and the root are not installed; what is
 * inside `node` its own install script puts there.
 */
function isCurrent(path) {
  if (!path.startsWith('node_modules/') || path.startsWith('node_modules/node/node_modules/')) return true;
  const [want, found] = [wanted[path], installed[path]];
  if (want === undefined) return false;
  if (found === undefined) return want.optional === true || want.peer === true;
  return want.link === true || (found.version === want.version && existsSync(path));
}
