import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

type Paths = { [specifier: string]: string[] };
const react18: Paths = {
  react: [`${root}node_modules/@types/react-18`],
  'react/jsx-runtime': [`${root}node_modules/@types/react-18/jsx-runtime`],
};

/** With the types of the newest React that it takes, and of the oldest. */
it.each<{ react: number; paths: Paths }>([
  { react: 19, paths: {} },
  { react: 18, paths: react18 },
])(
  'types accept what they should, and refuse the rest, on React $react',
  {
    timeout: 60_000,
  },
  ({ paths }) => {
    const program = ts.createProgram([`${root}react/test/node/use.tsx`], {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      jsx: ts.JsxEmit.ReactJSX,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
      types: [],
      paths,
      strict: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
      noEmit: true,
    });
    const errors = ts
      .getPreEmitDiagnostics(program)
      .filter(({ file }) => /\/react\/(?:test|src)\//.test(file?.fileName ?? ''))
      .map(({ file, start = 0, messageText }) => {
        const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
        return `${file?.fileName.slice(root.length)}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      });
    expect(errors).toStrictEqual([]);
    const read = program
      .getSourceFiles()
      .filter(({ fileName }) => /@types\/react(-18)?\/index/.test(fileName));
    expect(read).toHaveLength(1);
  },
);
