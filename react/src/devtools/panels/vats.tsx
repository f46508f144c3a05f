import { useCallback, useState, type DragEvent, type FormEvent, type ReactNode } from 'react';
import type { ClusterConfig, Subcluster, VatInfo } from '@vatkit/sdk/kernel';
import { messageOf, useRead, useShared, useStatus } from '../admin.js';
import { Badge, Button, Clip, ConfirmButton, Note, Section, Table } from '../parts.js';

/** Subclusters and their vats, and launching another one. */
export default function VatsPanel(): ReactNode {
  const { admin, act } = useShared();
  const { subclusters: named, launching } = useStatus();
  const read = useCallback(() => admin.getStatus(), [admin]);
  const { data, error } = useRead(read);
  const nameOf = new Map(named.map(({ id, name }) => [id, name]));
  return (
    <>
      {error !== undefined && <Note kind="error">{error}</Note>}
      {Object.entries(launching).map(([name, step]) => (
        <Note key={name}>
          Launching {name}
          {step && ` (${step.step})`} …
        </Note>
      ))}
      {data?.subclusters.map((subcluster) => (
        <SubclusterSection
          key={subcluster.id}
          subcluster={subcluster}
          name={nameOf.get(subcluster.id)}
          vats={data.vats.filter(({ subclusterId }) => subclusterId === subcluster.id)}
        />
      ))}
      {data?.subclusters.length === 0 && <Note>No subcluster runs. Launch one below.</Note>}
      <Launch />
      <Section title="The whole kernel">
        <div className="vkd-actions">
          <Button onPress={() => act('collect garbage', () => admin.collectGarbage())}>
            Collect garbage
          </Button>
          <Button
            onPress={() =>
              act(
                'check the tables',
                async () => (await admin.checkInvariants()).join('; ') || 'sound',
              )
            }
          >
            Check tables
          </Button>
          <ConfirmButton onPress={() => act('terminate all vats', () => admin.terminateAllVats())}>
            Terminate all vats
          </ConfirmButton>
          <ConfirmButton onPress={() => act('clear all state', () => admin.reset())}>
            Clear all state
          </ConfirmButton>
        </div>
      </Section>
    </>
  );
}

type SubclusterProps = {
  subcluster: Subcluster;
  name: string | undefined;
  vats: readonly VatInfo[];
};

function SubclusterSection({ subcluster, name, vats }: SubclusterProps): ReactNode {
  const { admin, act } = useShared();
  const { id, config } = subcluster;
  const vatNames = new Map(Object.entries(subcluster.vats).map(([vat, vatId]) => [vatId, vat]));
  const title = `${name ?? 'Subcluster'} ${id}: ${vats.length} ${vats.length === 1 ? 'vat' : 'vats'}`;
  return (
    <Section
      title={title}
      actions={
        <>
          <ConfirmButton
            label={`Reload ${id}`}
            onPress={() => act(`reload ${id}`, () => admin.reloadSubcluster(id))}
          >
            Reload
          </ConfirmButton>
          <ConfirmButton
            label={`Terminate ${id}`}
            onPress={() => act(`terminate ${id}`, () => admin.terminateSubcluster(id))}
          >
            Terminate
          </ConfirmButton>
        </>
      }
    >
      <Table
        label={`Vats of ${id}`}
        heads={['Vat', 'Name', 'Status', 'Source', 'Parameters', 'Actions']}
      >
        {vats.map((vat) => (
          <tr key={vat.id}>
            <td>{vat.id}</td>
            <td>{vatNames.get(vat.id)}</td>
            <td>
              <Badge of={vat.status} />
            </td>
            <td className="vkd-text">{sourceOf(vat.config)}</td>
            <td className="vkd-text">
              <Clip>{JSON.stringify(vat.config.parameters ?? {})}</Clip>
            </td>
            <td>
              <div className="vkd-actions">
                <Button
                  label={`Ping ${vat.id}`}
                  onPress={() => act(`ping ${vat.id}`, () => admin.pingVat(vat.id))}
                >
                  Ping
                </Button>
                <Button
                  label={`Restart ${vat.id}`}
                  onPress={() => act(`restart ${vat.id}`, () => admin.restartVat(vat.id))}
                >
                  Restart
                </Button>
                <Button
                  label={`Upgrade ${vat.id}`}
                  onPress={() =>
                    act(`upgrade ${vat.id} from its source`, () => admin.upgradeVat(vat.id))
                  }
                >
                  Upgrade
                </Button>
                <ConfirmButton
                  label={`Terminate ${vat.id}`}
                  onPress={() => act(`terminate ${vat.id}`, () => admin.terminateVat(vat.id))}
                >
                  Terminate
                </ConfirmButton>
              </div>
            </td>
          </tr>
        ))}
      </Table>
      <details>
        <summary>Configuration</summary>
        <pre className="vkd-pre">{JSON.stringify(config, cutLong, 2)}</pre>
      </details>
    </Section>
  );
}

const SHOWN_CHARS = 160;
/** Bundles may stand in a configuration as a whole. */
const cutLong = (_key: string, value: unknown): unknown =>
  typeof value === 'string' && value.length > SHOWN_CHARS
    ? `${value.slice(0, SHOWN_CHARS)}… ${value.length} characters`
    : value;

function sourceOf(config: VatInfo['config']): string {
  const { bundleSpec, bundleName, sourceSpec } = config;
  const source = bundleSpec ?? bundleName ?? sourceSpec ?? '';
  return source.startsWith('{') || source.startsWith('data:')
    ? `bundle of ${source.length} characters`
    : source;
}

/** A configuration, pasted, typed, chosen or dropped. */
function Launch(): ReactNode {
  const { admin, act } = useShared();
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string>();
  const [isOver, setOver] = useState(false);

  const take = async (file: File | undefined): Promise<void> => {
    if (file !== undefined) setText(await file.text());
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    void take(event.dataTransfer.files[0]);
  };
  const launch = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    let config: ClusterConfig;
    try {
      config = JSON.parse(text) as ClusterConfig;
      setProblem(undefined);
    } catch (thrown) {
      setProblem(`This is no JSON: ${messageOf(thrown)}`);
      return;
    }
    const work = async (): Promise<string> => {
      const { subclusterId, rootKref } = await admin.launchSubcluster(config);
      return `${subclusterId}, root ${rootKref}`;
    };
    if (await act('launch', work)) setText('');
  };

  return (
    <Section title="Launch a subcluster">
      <form
        className="vkd-form"
        aria-label="Launch a subcluster"
        onSubmit={(event) => void launch(event)}
      >
        <label
          className="vkd-wide vkd-drop"
          data-over={isOver || undefined}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          Configuration as JSON: type it, paste it, or drop a file here
          <textarea
            value={text}
            spellCheck={false}
            placeholder='{ "bootstrap": "main", "vats": { "main": { "bundleSpec": "https://…" } } }'
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <label>
          Or choose a file
          <input
            type="file"
            accept="application/json,.json"
            onChange={(event) => void take(event.target.files?.[0])}
          />
        </label>
        <button type="submit" className="vkd-button" disabled={text.trim() === ''}>
          Launch
        </button>
      </form>
      {problem !== undefined && <Note kind="error">{problem}</Note>}
    </Section>
  );
}
