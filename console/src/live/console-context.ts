import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Identity } from '@atoll/sdk';
import type { Clients } from '../session/clients.ts';
import type { Workspace, WorkspaceStore } from './workspace-store.ts';

/** What every page may use. */
export interface ConsoleContext {
  clients: Clients;
  identity: Identity;
  store: WorkspaceStore;
  /** Whether the caller may change anything; the server asks again in any case. */
  mayChange: boolean;
  isAdmin: boolean;
}

export const consoleContext = createContext<ConsoleContext | undefined>(undefined);

export function useConsole(): ConsoleContext {
  const context = useContext(consoleContext);
  if (context === undefined) throw new Error('this is outside of the console');
  return context;
}

/** The workspace as it is now; pages are drawn again when it changes. */
export function useWorkspace(): Workspace {
  const { store } = useConsole();
  return useSyncExternalStore(store.subscribe, store.get);
}
