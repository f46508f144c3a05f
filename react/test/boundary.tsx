import { Component, type ReactNode } from 'react';

/** Shows an error that was thrown below it, until it is reset. */
export class Boundary extends Component<
  { children: ReactNode; onReset?: () => void },
  { error: Error | undefined }
> {
  override state: { error: Error | undefined } = { error: undefined };
  static getDerivedStateFromError = (error: Error): { error: Error } => ({ error });
  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    const reset = (): void => {
      this.props.onReset?.();
      this.setState({ error: undefined });
    };
    return (
      <button type="button" onClick={reset}>
        {error.message}
      </button>
    );
  }
}
