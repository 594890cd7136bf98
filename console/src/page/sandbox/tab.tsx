import { lazy } from 'react';
import type { ReactNode } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { surely } from '../../ui/surely.ts';
import { Overview } from './overview.tsx';

// Each is loaded when it is looked at.
const TerminalTab = lazy(surely(() => import('./terminal/terminal-tab.tsx')));
const FilesTab = lazy(surely(() => import('./files/files-tab.tsx')));
const ProcessesTab = lazy(surely(() => import('./process/processes-tab.tsx')));
const LogTab = lazy(surely(() => import('./log/log-tab.tsx')));
const PortsTab = lazy(surely(() => import('./port/ports-tab.tsx')));
const DesktopTab = lazy(surely(() => import('./desktop/desktop-tab.tsx')));
const NetworkTab = lazy(surely(() => import('./network/network-tab.tsx')));
const LineageTab = lazy(surely(() => import('./lineage/lineage-tab.tsx')));

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
  {
    name: 'processes',
    title: 'Processes',
    forMembers: true,
    render: (sandbox) => <ProcessesTab sandbox={sandbox} />,
  },
  {
    name: 'logs',
    title: 'Logs',
    forMembers: true,
    render: (sandbox) => <LogTab sandbox={sandbox} />,
  },
  {
    name: 'ports',
    title: 'Ports',
    forMembers: false,
    render: (sandbox) => <PortsTab sandbox={sandbox} />,
  },
  {
    name: 'desktop',
    title: 'Desktop',
    forMembers: true,
    render: (sandbox) => <DesktopTab sandbox={sandbox} />,
  },
  {
    name: 'network',
    title: 'Network',
    forMembers: false,
    render: (sandbox) => <NetworkTab sandbox={sandbox} />,
  },
  {
    name: 'lineage',
    title: 'Snapshots',
    forMembers: false,
    render: (sandbox) => <LineageTab sandbox={sandbox} />,
  },
];
