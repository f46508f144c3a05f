import { useCallback, useState, type FormEvent, type ReactNode } from 'react';
import type { ObjectInfo } from '@vatkit/sdk/kernel';
import { messageOf, useRead, useShared, useStatus } from '../admin.js';
import { Badge, Button, Clip, ConfirmButton, Kref, Note, Section, Table } from '../parts.js';

const PAGE = 50;

/** Who has what, who may call it, and how to end that. */
export default function ObjectsPanel(): ReactNode {
  const { admin, act } = useShared();
  const { vats } = useStatus();
  const [owner, setOwner] = useState('');
  const [holder, setHolder] = useState('');
  const [starts, setStarts] = useState<readonly string[]>([]);
  const [target, setTarget] = useState('');
  const after = starts.at(-1);
  const read = useCallback(
    () =>
      admin.getObjects({
        limit: PAGE,
        ...(after !== undefined && { after }),
        ...(owner !== '' && { owner }),
        ...(holder !== '' && { holder }),
      }),
    [admin, owner, holder, after],
  );
  const { data, error } = useRead(read);
  const nameOf = new Map(vats.map(({ id, name }) => [id, name]));
  const filter = (set: (value: string) => void) => (value: string) => {
    set(value);
    setStarts([]);
  };
  return (
    <>
      {error !== undefined && <Note kind="error">{error}</Note>}
      <Section
        title={data === undefined ? 'Objects' : `Objects: ${data.total}`}
        actions={
          <div className="vkd-form">
            <Choice label="Owner" value={owner} options={vats} onChange={filter(setOwner)} />
            <Choice label="Held by" value={holder} options={vats} onChange={filter(setHolder)} />
          </div>
        }
      >
        <Table
          label="Objects"
          heads={['Object', 'Owner', 'Interface', 'Methods', 'Held by', 'Actions']}
        >
          {data?.objects.map((object) => (
            <tr key={object.kref}>
              <td>
                <Kref of={object.kref} /> <Badge of={object.revoked ? 'revoked' : object.kind} />
              </td>
              <td>
                {object.owner ?? 'gone'}{' '}
                <span className="vkd-dim">{nameOf.get(object.owner ?? '')}</span>
              </td>
              <td>{object.iface}</td>
              <td className="vkd-text">
                <Clip>{object.methods?.join(' ')}</Clip>
              </td>
              <td>
                <Holders object={object} />
              </td>
              <td>
                <div className="vkd-actions">
                  <Button label={`Call ${object.kref}`} onPress={() => setTarget(object.kref)}>
                    Call
                  </Button>
                  <ConfirmButton
                    label={`Revoke ${object.kref}`}
                    disabled={object.revoked || object.owner === null}
                    onPress={() => act(`revoke ${object.kref}`, () => admin.revoke(object.kref))}
                  >
                    Revoke
                  </ConfirmButton>
                </div>
              </td>
            </tr>
          ))}
        </Table>
        {data?.objects.length === 0 && <Note>No object is like that.</Note>}
        {(starts.length > 0 || data?.next !== undefined) && (
          <div className="vkd-actions">
            <Button disabled={starts.length === 0} onPress={() => setStarts(starts.slice(0, -1))}>
              Earlier
            </Button>
            <Button
              disabled={data?.next === undefined}
              onPress={() => setStarts([...starts, data?.next as string])}
            >
              Later
            </Button>
          </div>
        )}
      </Section>
      <Send key={target} target={target} />
    </>
  );
}

type ChoiceProps = {
  label: string;
  value: string;
  options: readonly { id: string; name: string }[];
  onChange: (value: string) => void;
};

const Choice = ({ label, value, options, onChange }: ChoiceProps): ReactNode => (
  <label>
    {label}
    <select value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">anybody</option>
      {options.map(({ id, name }) => (
        <option key={id} value={id}>
          {id} {name}
        </option>
      ))}
    </select>
  </label>
);

function Holders({ object: { holders, reach } }: { object: ObjectInfo }): ReactNode {
  const listed = holders.length;
  return (
    <div className="vkd-holders">
      {holders.map(({ by, times, durable }) => (
        <span key={by} title={durable ? 'by its durable state' : undefined}>
          {by}
          {times > 1 && ` ×${times}`}
          {durable && ' ●'}
        </span>
      ))}
      {reach > listed && <span>{reach - listed} in messages and promises</span>}
      {reach === 0 && <span className="vkd-dim">nobody</span>}
    </div>
  );
}

/** Calls any object by its kref. */
function Send({ target: given }: { target: string }): ReactNode {
  const { admin, act } = useShared();
  const [target, setTarget] = useState(given);
  const [method, setMethod] = useState('');
  const [args, setArgs] = useState('[]');
  const [problem, setProblem] = useState<string>();
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    let list: unknown;
    try {
      list = JSON.parse(args);
      if (!Array.isArray(list)) throw new TypeError('the arguments are an array');
      setProblem(undefined);
    } catch (thrown) {
      setProblem(`Arguments: ${messageOf(thrown)}`);
      return;
    }
    await act(`${target}.${method}`, async () => {
      const { body, slots } = await admin.queueMessage(target, method, list as unknown[]);
      for (const kref of slots) void admin.release(kref);
      return slots.length === 0 ? body.slice(1) : `${body.slice(1)} with ${slots.join(' ')}`;
    });
  };
  return (
    <Section title="Send a message">
      <form className="vkd-form" aria-label="Send a message" onSubmit={(event) => void send(event)}>
        <label>
          To
          <input
            size={8}
            required
            value={target}
            placeholder="ko4"
            onChange={(event) => setTarget(event.target.value)}
          />
        </label>
        <label>
          Method
          <input required value={method} onChange={(event) => setMethod(event.target.value)} />
        </label>
        <label className="vkd-wide">
          Arguments, a JSON array
          <input
            value={args}
            spellCheck={false}
            onChange={(event) => setArgs(event.target.value)}
          />
        </label>
        <button type="submit" className="vkd-button">
          Send
        </button>
      </form>
      {problem !== undefined && <Note kind="error">{problem}</Note>}
    </Section>
  );
}
