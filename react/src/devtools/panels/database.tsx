import { useCallback, useState, type FormEvent, type ReactNode } from 'react';
import type { QueryPage } from '@vatkit/sdk/kernel';
import { messageOf, useRead, useShared } from '../admin.js';
import { Button, Clip, Note, Section, Table } from '../parts.js';

/** What the first part of a key tells. */
const tables: { readonly [prefix: string]: string } = {
  a: 'store and identity',
  b: 'bundles',
  c: 'c-lists',
  d: 'dying vats',
  e: 'services',
  f: 'frames to clients',
  g: 'caveats',
  h: 'held by callers',
  i: 'vref numbers',
  k: 'clients',
  l: 'calls of services',
  m: 'names of subclusters',
  n: 'next ids',
  o: 'objects',
  p: 'promises',
  q: 'queues',
  r: 'pins',
  s: 'subclusters',
  t: 'state of vats',
  u: 'ocap URLs',
  v: 'vats',
  x: 'expiring caveats',
  y: 'methods of objects',
  z: 'expiring URLs',
};

const PAGE = 50;
const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const COUNTS = `SELECT substr(key, 1, instr(key, '.') - 1) AS name, count(*) AS count FROM kv GROUP BY name ORDER BY name`;

/** The store's rows by kind, and read-only SQL. */
export default function DatabasePanel(): ReactNode {
  const { admin } = useShared();
  const [table, setTable] = useState('v');
  const [filter, setFilter] = useState('');
  const [page, setPage] = useState(0);
  const readCounts = useCallback(
    async () => (await admin.queryStore(COUNTS)).rows as { name: string; count: number }[],
    [admin],
  );
  const counts = useRead(readCounts, 1_000);
  const readRows = useCallback(async () => {
    const where = `key >= ${quote(`${table}.`)} AND key < ${quote(`${table}/`)}${
      filter === ''
        ? ''
        : ` AND (instr(key, ${quote(filter)}) > 0 OR instr(value, ${quote(filter)}) > 0)`
    }`;
    const { rows } = await admin.queryStore(
      `SELECT key, substr(value, 1, 2000) AS value, length(value) AS chars FROM kv WHERE ${where} ORDER BY key LIMIT ${PAGE + 1} OFFSET ${page * PAGE}`,
    );
    return rows as { key: string; value: string; chars: number }[];
  }, [admin, table, filter, page]);
  const { data, error } = useRead(readRows, 1_000);
  return (
    <>
      <Section title="Rows">
        <div className="vkd-split">
          <ul className="vkd-list" aria-label="Kinds of rows">
            {counts.data?.map(({ name, count }) => (
              <li key={name}>
                <button
                  type="button"
                  aria-current={name === table}
                  onClick={() => {
                    setTable(name);
                    setPage(0);
                  }}
                >
                  <span>{tables[name] ?? name}</span>
                  <span className="vkd-dim">{count}</span>
                </button>
              </li>
            ))}
          </ul>
          <div>
            <div className="vkd-form">
              <label className="vkd-wide">
                Only rows with this text
                <input
                  value={filter}
                  onChange={(event) => {
                    setFilter(event.target.value);
                    setPage(0);
                  }}
                />
              </label>
              <Button disabled={page === 0} onPress={() => setPage(page - 1)}>
                Earlier
              </Button>
              <Button disabled={(data?.length ?? 0) <= PAGE} onPress={() => setPage(page + 1)}>
                Later
              </Button>
            </div>
            {error !== undefined && <Note kind="error">{error}</Note>}
            <Table label="Rows" heads={['Key', 'Value']}>
              {data?.slice(0, PAGE).map(({ key, value, chars }) => (
                <tr key={key}>
                  <td>
                    <code className="vkd-ref">{key}</code>
                  </td>
                  <td className="vkd-text">
                    <Clip>
                      {value}
                      {chars > value.length && `… ${chars} characters`}
                    </Clip>
                  </td>
                </tr>
              ))}
            </Table>
            {data?.length === 0 && <Note>No row is like that.</Note>}
          </div>
        </div>
      </Section>
      <Sql />
    </>
  );
}

function Sql(): ReactNode {
  const { admin } = useShared();
  const [sql, setSql] = useState(
    'SELECT key, length(value) AS chars FROM kv ORDER BY chars DESC LIMIT 10',
  );
  const [answer, setAnswer] = useState<QueryPage>();
  const [problem, setProblem] = useState<string>();
  const run = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    try {
      setAnswer(await admin.queryStore(sql));
      setProblem(undefined);
    } catch (thrown) {
      setProblem(`Failed to execute query: ${messageOf(thrown)}`);
    }
  };
  const columns = Object.keys(answer?.rows[0] ?? {});
  return (
    <Section title="SQL, reading only">
      <form className="vkd-form" aria-label="SQL" onSubmit={(event) => void run(event)}>
        <label className="vkd-wide">
          A SELECT of the table kv(key, value)
          <textarea
            value={sql}
            spellCheck={false}
            onChange={(event) => setSql(event.target.value)}
          />
        </label>
        <button type="submit" className="vkd-button">
          Execute
        </button>
      </form>
      {problem !== undefined && <Note kind="error">{problem}</Note>}
      {answer !== undefined && (
        <>
          <p className="vkd-dim">
            {answer.total} {answer.total === 1 ? 'row' : 'rows'}
            {answer.total > answer.rows.length && `, the first ${answer.rows.length} shown`}
          </p>
          <Table label="Result" heads={columns}>
            {answer.rows.map((row, index) => (
              <tr key={index}>
                {columns.map((column) => (
                  <td key={column} className="vkd-text">
                    <Clip>{String(row[column])}</Clip>
                  </td>
                ))}
              </tr>
            ))}
          </Table>
        </>
      )}
    </Section>
  );
}
