import { lazy } from 'react';
import type { ReactNode } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { Overview } from './overview.tsx';

// Each is loaded when it is looked at.
const TerminalTab = lazy(() => import('./terminal/terminal-tab.tsx'));
const FilesTab = lazy(() => import('./files/files-tab.tsx'));

interface Tab {
  name: string;
  title: string;
  /** Whether it asks for what a viewer may not have. */
  forMembers: boolean;
  render: (sandbox: SandboxInfo) => ReactNode;
}

/** The parts of the page of one sandbox, in their order. */
export const tabs: readonly Tab[] = [
  {
    name: 'overview',
    title: 'Overview',
    forMembers: false,
    render: (sandbox) => <Overview sandbox={sandbox} />,
  },
  {
    name: 'terminal',
    title: 'Terminal',
    forMembers: true,
    render: (sandbox) => <TerminalTab sandbox={sandbox} />,
  },
  {
    name: 'files',
    title: 'Files',
    forMembers: true,
    render: (sandbox) => <FilesTab sandbox={sandbox} />,
  },
];
