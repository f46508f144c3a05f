/** Small parts of panels. */
import { useEffect, useState, type ReactNode } from 'react';

export function Badge({ of }: { of: string }): ReactNode {
  return (
    <span className="vkd-badge" data-of={of}>
      {of}
    </span>
  );
}

export function Kref({ of }: { of: string }): ReactNode {
  return <code className="vkd-ref">{of}</code>;
}

export function Note({
  kind = 'info',
  children,
}: {
  kind?: 'info' | 'error';
  children: ReactNode;
}): ReactNode {
  return (
    <p className="vkd-note" data-kind={kind} role={kind === 'error' ? 'alert' : undefined}>
      {children}
    </p>
  );
}

type ButtonProps = {
  onPress: () => unknown;
  /** Of several alike, what this one is for. */
  label?: string;
  danger?: boolean;
  disabled?: boolean;
  children: ReactNode;
};

export function Button({
  onPress,
  label,
  danger = false,
  disabled = false,
  children,
}: ButtonProps): ReactNode {
  return (
    <button
      type="button"
      className="vkd-button"
      aria-label={label}
      data-danger={danger || undefined}
      disabled={disabled}
      onClick={() => void onPress()}
    >
      {children}
    </button>
  );
}

const CONFIRM_MS = 4_000;

/** What cannot be undone is done by a second press, within some seconds. */
export function ConfirmButton({ onPress, label, children, ...rest }: ButtonProps): ReactNode {
  const [isAsking, setAsking] = useState(false);
  useEffect(() => {
    if (!isAsking) return undefined;
    const timer = setTimeout(() => setAsking(false), CONFIRM_MS);
    return () => clearTimeout(timer);
  }, [isAsking]);
  const press = (): unknown => {
    setAsking(!isAsking);
    return isAsking ? onPress() : undefined;
  };
  return (
    <Button
      {...rest}
      danger
      onPress={press}
      {...(label !== undefined && { label: isAsking ? `Sure? ${label}` : label })}
    >
      {isAsking ? 'Sure?' : children}
    </Button>
  );
}

export function Section({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}): ReactNode {
  return (
    <section className="vkd-section" aria-label={title}>
      <header className="vkd-section-head">
        <h3>{title}</h3>
        <div className="vkd-actions">{actions}</div>
      </header>
      {children}
    </section>
  );
}

/** Long text in little room. Where it scrolls it is a stop of the keyboard, which has no other way to its end. */
export function Clip({ children }: { children: ReactNode }): ReactNode {
  const letScroll = (clip: HTMLDivElement | null): void => {
    if (clip !== null) clip.tabIndex = clip.scrollHeight > clip.clientHeight ? 0 : -1;
  };
  return (
    <div className="vkd-clip" ref={letScroll}>
      {children}
    </div>
  );
}

/** A table that scrolls by itself where it is too wide. */
export function Table({
  label,
  heads,
  children,
}: {
  label: string;
  heads: readonly string[];
  children: ReactNode;
}): ReactNode {
  return (
    <div className="vkd-scroll">
      <table className="vkd-table" aria-label={label}>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
