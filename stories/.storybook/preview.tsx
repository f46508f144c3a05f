import '../src/story.css';
import type { Preview } from '@storybook/react-vite';
import axe from 'axe-core';

/** What axe finds against WCAG 2.2 AA and its own best practices, as text to mend it by. */
async function faultsIn(element: HTMLElement): Promise<string[]> {
  const { violations } = await axe.run(element, {
    // A story is a part of a page, which has the landmarks.
    rules: { region: { enabled: false } },
  });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html}\n  ${failureSummary}`),
  );
}

const preview: Preview = {
  parameters: { layout: 'fullscreen', controls: { expanded: true } },
  /** As each story is left, it is accessible. */
  async afterEach({ canvasElement }) {
    const faults = await faultsIn(canvasElement);
    if (faults.length > 0) throw new Error(`This story is not accessible:\n${faults.join('\n')}`);
  },
};
export default preview;
