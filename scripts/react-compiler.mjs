import { transformAsync } from '@babel/core';

/**
 * A Vite plugin: the React compiler's work on this repository's hooks and components, as an app's build does it on its
 * own. What breaks a rule of React's fails.
 */
export const reactCompiler = () => ({
  name: 'react-compiler',
  enforce: 'pre',
  async transform(code, id) {
    const [file] = id.split('?');
    if (!/\/react\/(?:src|test)\/.*\.tsx?$/.test(file)) return null;
    const result = await transformAsync(code, {
      filename: file,
      babelrc: false,
      configFile: false,
      sourceMaps: true,
      parserOpts: { plugins: ['typescript', 'jsx'] },
      plugins: [['babel-plugin-react-compiler', { panicThreshold: 'none' }]],
    });
    return { code: result.code, map: result.map };
  },
});
