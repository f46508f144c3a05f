import { expect, it } from 'vitest';
import { didYouMean } from './command.js';

it.each([
  ['bundel', 'bundle'],
  ['bundl', 'bundle'],
  ['sreve', 'serve'],
  ['b', undefined],
  ['bu', 'bundle'],
  ['generate', undefined],
  ['', undefined],
])("'%s' is told apart: %s", (wanted, known) => {
  const text = known === undefined ? '' : ` Did you mean '${known}'?`;
  expect(didYouMean(wanted, ['bundle', 'serve'])).toBe(text);
});
