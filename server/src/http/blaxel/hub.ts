import { ApiError } from '@atoll/protocol';
import type { BlaxelHubImage } from '@atoll/protocol';

interface Entry {
  name: string;
  title: string;
  description: string;
  /** What the image is here, or why there is none. */
  here: string;
  isMissing?: true;
  category: string;
  memory?: number;
  ports?: readonly (readonly [name: string, target: number])[];
}

const fromNpm =
  'its template comes from the npm registry, and images here are made of packages of Debian alone: build one FROM blaxel/ts-app:latest';
const browserDownloads =
  'Playwright fetches its browsers from a host of its own: blaxel/chromium has the browser of Debian';

/** All images of the hosted hub, in its order. Those that are there have a recipe in `images/on-demand`. */
const entries: readonly Entry[] = [
  {
    name: 'base-image',
    title: 'Base image',
    description: 'Node.js and Python',
    here: 'Debian with Node.js 20, Python 3.13, curl and git',
    category: 'base',
  },
  {
    name: 'py-app',
    title: 'Python',
    description: 'Python development',
    here: 'Debian with Python 3.13, its headers and compilers',
    category: 'language',
  },
  {
    name: 'ts-app',
    title: 'TypeScript',
    description: 'TypeScript development',
    here: 'Debian with Node.js 20, npm and TypeScript',
    category: 'language',
  },
  {
    name: 'node',
    title: 'Node.js',
    description: 'Node.js development',
    here: 'Debian with Node.js 20 and npm',
    category: 'language',
  },
  {
    name: 'nextjs',
    title: 'Next.js',
    description: 'Next.js development',
    here: fromNpm,
    isMissing: true,
    category: 'framework',
  },
  {
    name: 'vite',
    title: 'Vite',
    description: 'Vite, React and TypeScript',
    here: fromNpm,
    isMissing: true,
    category: 'framework',
  },
  {
    name: 'astro',
    title: 'Astro',
    description: 'Astro development',
    here: fromNpm,
    isMissing: true,
    category: 'framework',
  },
  {
    name: 'expo',
    title: 'Expo',
    description: 'React Native development',
    here: fromNpm,
    isMissing: true,
    category: 'framework',
  },
  {
    name: 'chromium',
    title: 'Chromium',
    description: 'Browser without a screen',
    here: 'the Chromium of Debian, driven through port 9222',
    category: 'browser',
    ports: [['devtools', 9222]],
  },
  {
    name: 'lightpanda',
    title: 'Lightpanda',
    description: 'Small browser without a screen',
    here: 'it is only on the pages of its project, which recipes do not reach',
    isMissing: true,
    category: 'browser',
  },
  {
    name: 'playwright-chromium',
    title: 'Playwright, Chromium',
    description: 'Browser automation',
    here: browserDownloads,
    isMissing: true,
    category: 'browser',
  },
  {
    name: 'playwright-firefox',
    title: 'Playwright, Firefox',
    description: 'Browser automation',
    here: browserDownloads,
    isMissing: true,
    category: 'browser',
  },
  {
    name: 'docker-in-sandbox',
    title: 'Docker',
    description: 'Docker in the sandbox',
    here: 'the Docker of Debian, whose daemon starts with the sandbox',
    category: 'tool',
  },
  {
    name: 'xfce-vnc',
    title: 'XFCE desktop',
    description: 'A desktop in the browser',
    here: 'the XFCE of Debian with Firefox, shown by noVNC on port 6080',
    category: 'desktop',
    ports: [['desktop', 6080]],
  },
  {
    name: 'cua-xfce',
    title: 'XFCE desktop for agents',
    description: 'A desktop with the computer server of CUA',
    here: 'the computer server comes from PyPI, and images here are made of packages of Debian alone: build one FROM blaxel/xfce-vnc:latest',
    isMissing: true,
    category: 'desktop',
  },
  {
    name: 'jupyter-notebook',
    title: 'Jupyter Notebook',
    description: 'Notebooks in Python',
    here: 'the Jupyter Notebook of Debian, on port 8888',
    category: 'tool',
    ports: [['jupyter', 8888]],
  },
  {
    name: 'jupyter-server',
    title: 'Jupyter Server',
    description: 'Kernels over HTTP',
    here: 'the Jupyter Server of Debian, on port 8888, without the routes of the hosted code interpreter',
    category: 'tool',
    ports: [['jupyter', 8888]],
  },
  {
    name: 'benchmark',
    title: 'Benchmark',
    description: 'Tools that measure a sandbox',
    here: 'fio, hyperfine, iperf3, stress-ng and sysbench',
    category: 'tool',
  },
];

const DEFAULT_MEMORY_MB = 4096;

/** The hub as clients list it. What is not there is marked as the wire can: `coming_soon`, with the reason as text. */
export const hubImages: readonly BlaxelHubImage[] = entries.map((entry) => ({
  name: entry.name,
  displayName: entry.title,
  description: entry.description,
  longDescription: entry.isMissing ? `Not on this server: ${entry.here}.` : `Here: ${entry.here}.`,
  image: `blaxel/${entry.name}:latest`,
  memory: entry.memory ?? DEFAULT_MEMORY_MB,
  ports: (entry.ports ?? []).map(([name, target]) => ({ name, target, protocol: 'HTTP' })),
  categories: [entry.category],
  hidden: false,
  coming_soon: entry.isMissing === true,
  enterprise: false,
}));

const missing = new Map(entries.filter(({ isMissing }) => isMissing).map(({ name, here }) => [name, here]));

/** Says why an image of the hosted hub is not here, to who asks for it. */
export function refuseMissing(image: string): void {
  const [, name = ''] = /^blaxel\/([a-z0-9-]+)(?::[\w.-]+)?$/.exec(image) ?? [];
  const reason = missing.get(name);
  if (reason === undefined) return;
  throw new ApiError('image_not_found', `the image ${image} is not on this server: ${reason}`, {
    hint: 'docs/blaxel.md lists the images of the hub.',
  });
}
