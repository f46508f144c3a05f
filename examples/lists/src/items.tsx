import { useRef, useState, type FormEvent, type ReactNode } from 'react';
import type { Item } from '../vats/lists.vat.gen.js';
import { Icon } from './icons.js';

/** Each gives whether it worked. */
export type ItemActions = {
  add: (text: string) => Promise<boolean>;
  edit: (id: string, text: string) => Promise<boolean>;
  check: (id: string, done: boolean) => Promise<boolean>;
  remove: (id: string) => Promise<boolean>;
  clearDone?: () => Promise<boolean>;
};

/** The items of a list; without actions they are to look at. */
export function Items({
  items,
  actions,
}: {
  items: Item[];
  actions: ItemActions | undefined;
}): ReactNode {
  const open = items.filter(({ done }) => !done);
  const done = items.filter((item) => item.done);
  return (
    <>
      <div className="progress" aria-hidden="true">
        <span style={{ inlineSize: `${(100 * done.length) / Math.max(items.length, 1)}%` }} />
      </div>
      {actions !== undefined && <AddItem add={actions.add} />}
      {items.length === 0 && (
        <p className="empty">
          {actions === undefined ? 'Nothing on it yet.' : 'Nothing on it yet. What comes first?'}
        </p>
      )}
      <ul className="items" aria-label="Open">
        {open.map((item) => (
          <Row key={item.id} item={item} actions={actions} />
        ))}
      </ul>
      {done.length > 0 && (
        <section aria-label="Done">
          <div className="done-head">
            <h2 className="overline">Done · {done.length}</h2>
            {actions?.clearDone !== undefined && (
              <button className="text-button" onClick={() => void actions.clearDone?.()}>
                Clear
              </button>
            )}
          </div>
          <ul className="items">
            {done.map((item) => (
              <Row key={item.id} item={item} actions={actions} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function AddItem({ add }: { add: ItemActions['add'] }): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setText('');
    // What could not be added is there to be mended, unless something else was begun.
    void add(text).then((isAdded) => !isAdded && setText((now) => (now === '' ? text : now)));
    input.current?.focus();
  };
  return (
    <form className="add" onSubmit={submit}>
      <Icon name="plus" />
      <input
        ref={input}
        value={text}
        onChange={(event) => setText(event.target.value)}
        aria-label="Add an item"
        placeholder="Add an item"
        maxLength={280}
        required
        enterKeyHint="done"
      />
      <button className="button">Add</button>
    </form>
  );
}

function Row({ item, actions }: { item: Item; actions: ItemActions | undefined }): ReactNode {
  const { id, text, done, by, note } = item;
  const [draft, setDraft] = useState<string>();
  const save = (): void => {
    setDraft(undefined);
    if (draft !== undefined && draft.trim() !== '' && draft !== text) void actions?.edit(id, draft);
  };
  return (
    <li className="item" data-done={done}>
      <input
        type="checkbox"
        className="tick"
        checked={done}
        disabled={actions === undefined}
        aria-label={text}
        onChange={() => void actions?.check(id, !done)}
      />
      {draft === undefined ? (
        <span className="item-text">
          {text}
          <span className="item-meta">
            {note !== '' && <span className="note">{note}</span>}
            {by !== 'You' && <span className="by">{by}</span>}
          </span>
        </span>
      ) : (
        <form
          className="item-edit"
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
        >
          <input
            value={draft}
            aria-label={`Change ${text}`}
            autoFocus
            maxLength={280}
            onChange={(event) => setDraft(event.target.value)}
            onBlur={save}
            onKeyDown={(event) => event.key === 'Escape' && setDraft(undefined)}
          />
        </form>
      )}
      {actions !== undefined && draft === undefined && (
        <span className="item-tools">
          <button
            className="icon-button"
            aria-label={`Change ${text}`}
            onClick={() => setDraft(text)}
          >
            <Icon name="pencil" />
          </button>
          <button
            className="icon-button"
            aria-label={`Remove ${text}`}
            onClick={() => void actions.remove(id)}
          >
            <Icon name="trash" />
          </button>
        </span>
      )}
    </li>
  );
}
