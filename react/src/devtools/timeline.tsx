import type { ReactNode } from 'react';
import type { LoggedMessage } from '@vatkit/sdk/kernel';

const LANE = 26;
const LEFT = 96;
const WIDTH = 1000;
const TOP = 22;

type TimelineProps = {
  messages: readonly LoggedMessage[];
  nameOf: (endpoint: string) => string;
  chosen: number | undefined;
  onChoose: (id: number) => void;
};

/**
 * A lane for each receiver. A bar is pale while its message waits and full while it is worked on; a curve leads to it from
 * the message that caused it.
 */
export function Timeline({ messages, nameOf, chosen, onChoose }: TimelineProps): ReactNode {
  if (messages.length === 0) return null;
  const lanes = [...new Set(messages.map(laneOf))].sort();
  const times = messages.flatMap(({ sentAt, settledAt, begunAt }) => [
    sentAt,
    settledAt ?? begunAt ?? sentAt,
  ]);
  const from = Math.min(...times);
  const span = Math.max(1, Math.max(...times) - from);
  const x = (at: number): number => LEFT + ((at - from) / span) * (WIDTH - LEFT - 14);
  const y = (message: LoggedMessage): number => TOP + lanes.indexOf(laneOf(message)) * LANE;
  const places = new Map(messages.map((message) => [message.id, message]));
  const height = TOP + lanes.length * LANE + 6;
  return (
    <svg
      className="vkd-timeline"
      viewBox={`0 0 ${WIDTH} ${height}`}
      role="group"
      aria-label="Timeline of messages"
    >
      {[0, 0.25, 0.5, 0.75, 1].map((part) => (
        <text
          key={part}
          x={LEFT + part * (WIDTH - LEFT - 14)}
          y={13}
          textAnchor={part === 1 ? 'end' : 'start'}
        >
          {formatMs(part * span)}
        </text>
      ))}
      {lanes.map((lane, index) => (
        <g key={lane}>
          <line
            className="lane"
            x1={LEFT}
            x2={WIDTH}
            y1={TOP + index * LANE + 10}
            y2={TOP + index * LANE + 10}
          />
          <text x={8} y={TOP + index * LANE + 14}>
            {nameOf(lane)}
          </text>
        </g>
      ))}
      {messages.map((message) => {
        const cause = places.get(message.cause ?? -1);
        if (cause === undefined) return null;
        const [x1, y1, x2, y2] = [
          x(cause.begunAt ?? cause.sentAt),
          y(cause) + 10,
          x(message.sentAt),
          y(message) + 10,
        ];
        const bend = (y1 + y2) / 2;
        return (
          <path
            key={message.id}
            className="cause"
            d={`M${x1},${y1} C${x1},${bend} ${x2},${bend} ${x2},${y2}`}
          />
        );
      })}
      {messages.map((message) => {
        const {
          id,
          sentAt,
          begunAt = message.settledAt ?? sentAt,
          settledAt,
          outcome = 'open',
        } = message;
        const end = settledAt ?? Math.max(...times);
        return (
          <g
            key={id}
            tabIndex={0}
            role="button"
            aria-label={`Message ${id}: ${message.method} to ${nameOf(laneOf(message))}, ${outcome}`}
            aria-pressed={id === chosen}
            data-chosen={id === chosen || undefined}
            onClick={() => onChoose(id)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' || event.key === ' ') {
                event.preventDefault();
                onChoose(id);
              }
            }}
          >
            <title>{`${message.method}${message.args}`}</title>
            <rect
              className="wait"
              x={x(sentAt)}
              y={y(message) + 6}
              width={Math.max(1, x(begunAt) - x(sentAt))}
              height={8}
            />
            <rect
              className="work"
              data-outcome={outcome}
              x={x(begunAt)}
              y={y(message) + 3}
              width={Math.max(4, x(end) - x(begunAt))}
              height={14}
              rx={3}
            />
          </g>
        );
      })}
    </svg>
  );
}

const laneOf = ({ to, target }: LoggedMessage): string => to ?? target;

const formatMs = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 0)} s`;
