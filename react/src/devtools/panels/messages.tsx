import { useCallback, useState, type ReactNode } from 'react';
import type { LoggedMessage, MessagePage } from '@vatkit/sdk/kernel';
import { useRead, useShared, useStatus } from '../admin.js';
import { byCause } from '../causes.js';
import { Badge, Button, Note, Section, Table } from '../parts.js';
import { Timeline } from '../timeline.js';

const SHOWN = 200;

/** What became of messages since the panel was opened. */
export default function MessagesPanel(): ReactNode {
  const { admin } = useShared();
  const { vats } = useStatus();
  const [filter, setFilter] = useState('');
  const [order, setOrder] = useState<'cause' | 'newest'>('newest');
  const [since, setSince] = useState(0);
  const [paused, setPaused] = useState<readonly LoggedMessage[]>();
  const [chosen, setChosen] = useState<number>();
  const read = useCallback(
    async (last: MessagePage | undefined) => {
      if (last === undefined) return admin.getMessages();
      const page = await admin.getMessages({ after: last.change });
      // Another kernel, which has counted from the beginning.
      return page.change < last.change ? admin.getMessages() : join(last, page);
    },
    [admin],
  );
  const { data, error } = useRead(read);
  const names = new Map<string, string>(vats.map(({ id, name }) => [id, name]));
  const nameOf = (endpoint: string): string => {
    if (endpoint === 'a1') return 'a1 admin';
    return names.has(endpoint) ? `${endpoint} ${names.get(endpoint)}` : endpoint;
  };
  const wanted = filter.trim().toLowerCase();
  const all = paused ?? data?.messages ?? [];
  const found = all.filter(
    ({ id, from, to = '', method, target }) =>
      id > since &&
      (wanted === '' ||
        [method, target, from, nameOf(from), to, nameOf(to)].some((text) =>
          text.toLowerCase().includes(wanted),
        )),
  );
  const shown = found.slice(-SHOWN);
  const rows =
    order === 'cause'
      ? byCause(shown)
      : [...shown].reverse().map((message) => ({ message, depth: 0 }));
  return (
    <>
      {error !== undefined && <Note kind="error">{error}</Note>}
      <Section
        title={`Messages: ${found.length}${found.length > SHOWN ? `, the last ${SHOWN} shown` : ''}`}
        actions={
          <div className="vkd-form">
            <label>
              Filter
              <input
                value={filter}
                placeholder="method, vat or kref"
                onChange={(event) => setFilter(event.target.value)}
              />
            </label>
            <label>
              Order
              <select value={order} onChange={(event) => setOrder(event.target.value as 'cause')}>
                <option value="newest">newest first</option>
                <option value="cause">below their cause</option>
              </select>
            </label>
            <Button
              onPress={() => setPaused(paused === undefined ? (data?.messages ?? []) : undefined)}
            >
              {paused === undefined ? 'Pause' : 'Go on'}
            </Button>
            <Button onPress={() => setSince(all.at(-1)?.id ?? 0)}>Clear</Button>
          </div>
        }
      >
        {shown.length > 0 && (
          <div>
            <div className="vkd-scroll">
              <Timeline messages={shown} nameOf={nameOf} chosen={chosen} onChoose={setChosen} />
            </div>
          </div>
        )}
        <Table label="Messages" heads={['#', 'From', 'To', 'Message', 'Outcome', 'ms']}>
          {rows.map(({ message, depth }) => (
            <Row
              key={message.id}
              message={message}
              depth={depth}
              nameOf={nameOf}
              isChosen={message.id === chosen}
              onChoose={() => setChosen(message.id === chosen ? undefined : message.id)}
            />
          ))}
        </Table>
        {data !== undefined && shown.length === 0 && (
          <Note>No message so far. What is sent while this panel is open appears here.</Note>
        )}
      </Section>
    </>
  );
}

/** What was known, with what is new or different, without what the kernel has forgotten. */
function join(last: MessagePage, page: MessagePage): MessagePage {
  const messages = new Map(last.messages.map((message) => [message.id, message]));
  for (const message of page.messages) messages.set(message.id, message);
  return { ...page, messages: [...messages.values()].filter(({ id }) => id >= page.oldest) };
}

type RowProps = {
  message: LoggedMessage;
  depth: number;
  nameOf: (endpoint: string) => string;
  isChosen: boolean;
  onChoose: () => void;
};

function Row({ message, depth, nameOf, isChosen, onChoose }: RowProps): ReactNode {
  const { id, from, to, target, method, args, outcome, value, cause, sentAt, begunAt, settledAt } =
    message;
  return (
    <tr aria-selected={isChosen}>
      <td>
        <Button label={`Details of message ${id}`} onPress={onChoose}>
          {id}
        </Button>
      </td>
      <td>{nameOf(from)}</td>
      <td>
        {to === undefined ? '' : `${nameOf(to)} `}
        <span className="vkd-dim">{target}</span>
      </td>
      <td className="vkd-text" style={{ paddingLeft: 11 + 18 * Math.min(depth, 12) }}>
        {depth > 0 && '↳ '}
        <b>{method}</b>
        {isChosen || args.length < 60 ? args : `${args.slice(0, 59)}…`}
        {isChosen && (
          <dl>
            <dt className="vkd-dim">sent {new Date(sentAt).toLocaleTimeString()}</dt>
            {begunAt !== undefined && <dt className="vkd-dim">waited {begunAt - sentAt} ms</dt>}
            {cause !== undefined && <dt className="vkd-dim">caused by message {cause}</dt>}
            {value !== undefined && <dd>{value}</dd>}
          </dl>
        )}
      </td>
      <td>
        <Badge of={outcome ?? (message.result === undefined ? 'sent' : 'waiting')} />
      </td>
      <td>{settledAt === undefined ? '' : settledAt - sentAt}</td>
    </tr>
  );
}
