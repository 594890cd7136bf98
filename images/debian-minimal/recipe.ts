import type { Recipe } from '../recipe.ts';

export const debianMinimal: Recipe = {
  name: 'tensorlake/debian-minimal',
  base: 'Debian 13 (trixie)',
  source: { kind: 'debian', suite: 'trixie' },
  packages: [
    'bash',
    'ca-certificates',
    'curl',
    'git',
    'less',
    'procps',
    'python-is-python3',
    'python3',
    'python3-pip',
    'python3-venv',
    'sudo',
    'tar',
  ],
};
