import { Component } from 'react';
import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import { ErrorNote } from './error-note.tsx';

interface Props {
  /** Where the page is; another one gets a try of its own. */
  path: string;
  children: ReactNode;
}

interface State {
  path?: string;
  error?: unknown;
}

/** Keeps what is around a page in place when the page cannot be shown. */
export class Fallible extends Component<Props, State> {
  override state: State = {};

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  static getDerivedStateFromProps({ path }: Props, state: State): State | null {
    return path === state.path ? null : { path, error: undefined };
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return (
      <>
        <ErrorNote error={this.state.error} what="This page could not be shown." />
        <p>
          <Button onClick={() => location.reload()}>Load it again</Button>
        </p>
      </>
    );
  }
}
