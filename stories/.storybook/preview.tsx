import '../src/story.css';
import type { Preview } from '@storybook/react-vite';
import { faultsIn } from './faults.js';

const preview: Preview = {
  parameters: { layout: 'fullscreen', controls: { expanded: true } },
  /** As each story is left, it is accessible. */
  async afterEach({ canvasElement }) {
    const faults = await faultsIn(canvasElement);
    if (faults.length > 0) throw new Error(`This story is not accessible:\n${faults.join('\n')}`);
  },
};
export default preview;
