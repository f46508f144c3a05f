import { Component, type ReactNode } from 'react';

/** What stories stand in. */
export function Frame({ hook, children }: { hook: string; children: ReactNode }): ReactNode {
  return (
    <section className="story">
      <h2>
        <code>{hook}</code>
      </h2>
      {children}
    </section>
  );
}

/** One state of a hook, for people to read and for tests to find. */
export function State({ name, of }: { name: string; of: unknown }): ReactNode {
  return (
    <p className="state">
      <span>{name}</span>
      <output aria-label={name} data-value={String(of)}>
        {String(of)}
      </output>
    </p>
  );
}

export function Problem({ error }: { error: Error | null }): ReactNode {
  return error === null ? null : (
    <p role="alert" className="problem">
      {error.message}
    </p>
  );
}

export function Things({ items }: { items: readonly string[] }): ReactNode {
  return items.length === 0 ? (
    <p className="quiet">Nothing to do.</p>
  ) : (
    <ul>
      {items.map((item, at) => (
        <li key={`${at} ${item}`}>{item}</li>
      ))}
    </ul>
  );
}

/** Shows what is thrown below it. */
export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null };
  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }
  override render(): ReactNode {
    return this.state.error === null ? this.props.children : <Problem error={this.state.error} />;
  }
}
