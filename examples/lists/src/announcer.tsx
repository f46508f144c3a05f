/** What happened, for eyes and ears: a message at the edge of the screen, in a live region. */
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';
import { Icon } from './icons.js';

type Message = { id: number; text: string; isError: boolean };

type Announcer = {
  say: (text: string) => void;
  /** Runs what a click began. Gives whether it worked; if not, says why. */
  attempt: (action: () => Promise<unknown>) => Promise<boolean>;
};

const AnnouncerContext = createContext<Announcer | undefined>(undefined);

const shownForMs = 6_000;
const shownMax = 3;
let lastId = 0;

export function AnnouncerProvider({ children }: { children: ReactNode }): ReactNode {
  const [messages, setMessages] = useState<Message[]>([]);

  const drop = useCallback(
    (gone: number) => setMessages((shown) => shown.filter(({ id }) => id !== gone)),
    [],
  );
  const announcer = useMemo<Announcer>(() => {
    const show = (text: string, isError: boolean): void => {
      const id = (lastId += 1);
      setMessages((shown) => [...shown.slice(1 - shownMax), { id, text, isError }]);
      setTimeout(() => drop(id), shownForMs);
    };
    return {
      say: (text) => show(text, false),
      async attempt(action) {
        try {
          await action();
          setMessages((shown) => shown.filter(({ isError }) => !isError));
          return true;
        } catch (error) {
          show(textOf(error), true);
          return false;
        }
      },
    };
  }, [drop]);

  return (
    <AnnouncerContext value={announcer}>
      {children}
      <div className="messages" role="status" aria-live="polite">
        {messages.map(({ id, text, isError }) => (
          <p key={id} className={isError ? 'message message-error' : 'message'}>
            <Icon name={isError ? 'alert' : 'check'} />
            <span>{text}</span>
            <button className="icon-button" aria-label="Dismiss" onClick={() => drop(id)}>
              <Icon name="close" />
            </button>
          </p>
        ))}
      </div>
    </AnnouncerContext>
  );
}

export function useAnnouncer(): Announcer {
  const announcer = useContext(AnnouncerContext);
  if (announcer === undefined) throw new Error('There is no <AnnouncerProvider> above');
  return announcer;
}

/** An error's text for people: without the code that programs read. */
export function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^\[KERNEL:[A-Z_]+\]\s*/, '');
}
