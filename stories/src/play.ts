/** What the stories' tests have in common. */
import { expect, waitFor, within } from 'storybook/test';

export const patient = { timeout: 15_000 };

/** Waits until a `<State>` has this value. */
export const shows = (canvas: HTMLElement, name: string, value: string): Promise<void> =>
  waitFor(() => expect(within(canvas).getByLabelText(name)).toHaveTextContent(value), patient);
