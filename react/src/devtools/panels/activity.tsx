import { useCallback, useEffect, type ReactNode } from 'react';
import type { KernelActivity } from '@vatkit/sdk/kernel';
import { useRead, useShared } from '../admin.js';
import { Note, Section, Table } from '../parts.js';

const SAMPLES = 60;
const SAMPLE_MS = 1_000;
const counted = ['deliveries', 'answers', 'commits'] as const;

type History = {
  now: KernelActivity;
  rates: { readonly [Name in (typeof counted)[number]]: readonly number[] };
};

/** How much the kernel does a second, what waits, and the bounds that it holds to. */
export default function ActivityPanel(): ReactNode {
  const { admin } = useShared();
  const read = useCallback(
    async (last: History | undefined): Promise<History> => {
      const now = await admin.getActivity();
      const seconds = last === undefined ? 0 : (now.at - last.now.at) / 1_000;
      const rate = (name: (typeof counted)[number]): readonly number[] => {
        // Counts begin anew with the kernel.
        if (last === undefined || seconds <= 0 || now[name] < last.now[name]) return [];
        return [...last.rates[name], (now[name] - last.now[name]) / seconds].slice(-SAMPLES);
      };
      return {
        now,
        rates: {
          deliveries: rate('deliveries'),
          answers: rate('answers'),
          commits: rate('commits'),
        },
      };
    },
    [admin],
  );
  const { data, error, refresh } = useRead(read, SAMPLE_MS);
  // By the clock only while vats work: to the sample that shows that they do no more.
  const isBusy = (data?.rates.deliveries.at(-1) ?? 0) > 0;
  useEffect(() => {
    if (!isBusy) return undefined;
    const timer = setTimeout(refresh, SAMPLE_MS);
    return () => clearTimeout(timer);
  }, [data, isBusy, refresh]);
  if (data === undefined) return error === undefined ? null : <Note kind="error">{error}</Note>;
  const { now, rates } = data;
  const queues = Object.entries(now.queues).sort(([, a], [, b]) => b - a);
  return (
    <>
      <dl className="vkd-figures">
        {counted.map((name) => (
          <div key={name}>
            <dt>{name} a second</dt>
            <dd>{(rates[name].at(-1) ?? 0).toFixed(1)}</dd>
            <Sparkline values={rates[name]} />
            <dt>{now[name].toLocaleString('en')} in all</dt>
          </div>
        ))}
        <div>
          <dt>vats that run</dt>
          <dd>
            {now.runningVats} of {now.vats}
          </dd>
          <dt>at most {now.limits.vatsLiveMax}</dt>
        </div>
      </dl>
      <Section title={`Queues: ${queues.length}`}>
        {queues.length === 0 ? (
          <Note>Nothing waits.</Note>
        ) : (
          <Table label="Queues" heads={['Of', 'Waiting', 'At most']}>
            {queues.slice(0, 100).map(([target, length]) => (
              <tr key={target}>
                <td>{target}</td>
                <td>{length}</td>
                <td>{now.limits.queueMax}</td>
              </tr>
            ))}
          </Table>
        )}
      </Section>
      <Section title="Limits">
        <Table label="Limits" heads={['Limit', 'Value']}>
          {Object.entries(now.limits).map(([name, value]) => (
            <tr key={name}>
              <td>
                <code>{name}</code>
              </td>
              <td>{value.toLocaleString('en')}</td>
            </tr>
          ))}
        </Table>
      </Section>
    </>
  );
}

function Sparkline({ values }: { values: readonly number[] }): ReactNode {
  const top = Math.max(1, ...values);
  const points = values.map(
    (value, index) => `${(index / (SAMPLES - 1)) * 100},${29 - (value / top) * 27}`,
  );
  return (
    <svg viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <polyline
        points={points.join(' ')}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}
