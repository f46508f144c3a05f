/** The check that each story passes finds what it is to find. */
import { expect, it } from 'vitest';
import { faultsIn } from '../../../stories/.storybook/faults.js';

it('finds a button without a name, and text that is too faint', async () => {
  const place = document.body.appendChild(document.createElement('div'));
  place.innerHTML = '<button>Named</button><p style="color: #000; background: #fff">clear</p>';
  expect(await faultsIn(place)).toStrictEqual([]);
  place.innerHTML = '<button></button><p style="color: #ccc; background: #fff">faint</p>';
  const ids = (await faultsIn(place)).map((fault) => fault.split(':')[0]);
  expect(ids.sort()).toStrictEqual(['button-name', 'color-contrast']);
  place.remove();
});
