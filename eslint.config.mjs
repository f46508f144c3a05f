import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';
import { floors } from './scripts/lint/floors.mjs';

const tests = ['**/*.test.{ts,tsx}'];

const sesGlobals = ['harden', 'assert', 'lockdown', 'Compartment', 'HandledPromise'];

const noEnum = { selector: 'TSEnumDeclaration', message: 'Write a union of string literals.' };

/** The kernel is a state machine: events in, effects out, nothing awaited and nothing read from outside. */
const pure = [
  { selector: ':function[async=true]', message: 'The kernel is synchronous.' },
  { selector: 'AwaitExpression', message: 'The kernel is synchronous.' },
  { selector: 'ForOfStatement[await=true]', message: 'The kernel is synchronous.' },
  {
    selector:
      ':matches(NewExpression[callee.name="Promise"], MemberExpression[object.name="Promise"])',
    message: 'The kernel is synchronous: a promise is a kp in its tables.',
  },
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'The kernel reads no clock: the host puts the time into the event.',
  },
  { selector: 'ImportExpression', message: 'The kernel loads nothing.' },
];

const impure = [
  ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval'],
  ...['clearImmediate', 'queueMicrotask', 'requestAnimationFrame', 'performance', 'crypto'],
  ...['fetch', 'Worker', 'SharedWorker', 'WebSocket', 'MessageChannel', 'BroadcastChannel'],
  ...['process', 'globalThis', 'self', 'window'],
];

export default defineConfig(
  globalIgnores([
    ...[
      '**/dist/',
      '**/coverage/',
      'docs/api/',
      'stories/storybook-static/',
      '**/*.bundle',
      '**/*.gen.js',
      '**/*.gen.d.ts',
    ],
    // Vats as others write them, and what a page may write: read by compilers, not by us.
    'codegen/test/generated/',
    'react/test/node/use.tsx',
  ]),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { vatkit: { rules: { floors } } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-definitions': ['error', 'type'],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // What a vat or a page rejects with is passed on, whatever it is.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // What makeX returns has closures for methods: none needs its `this`.
      '@typescript-eslint/unbound-method': 'off',
      // An async method without an await rejects where a plain one would throw.
      '@typescript-eslint/require-await': 'off',
      // `KRef | VatId` says which strings are meant, though both are aliases of string.
      '@typescript-eslint/no-duplicate-type-constituents': 'off',
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      'no-restricted-syntax': ['error', noEnum],
    },
  },
  {
    files: ['sdk/src/**/*.ts', 'react/src/**/*.{ts,tsx}'],
    rules: { 'vatkit/floors': 'error' },
  },
  {
    // React's rules, and those of its compiler. Tests of hooks break some of them to look into components.
    files: ['react/src/**/*.{ts,tsx}', 'react/test/app.tsx', '{stories,examples}/**/*.{ts,tsx}'],
    extends: [reactHooks.configs.flat['recommended-latest']],
  },
  {
    files: ['sdk/src/kernel/**/*.ts'],
    ignores: tests,
    rules: {
      'no-restricted-syntax': ['error', noEnum, ...pure],
      'no-restricted-globals': ['error', ...impure],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now' },
        { object: 'Math', property: 'random' },
      ],
      'no-restricted-imports': ['error', { patterns: ['node:*'] }],
    },
  },
  {
    // What a test reads back (JSON, a caught error, a vat's answer) is any until it is expected to be something.
    files: tests,
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['examples/lists/public/*.js', 'examples/smallest/*.js'],
    languageOptions: {
      globals: { self: 'readonly', caches: 'readonly', document: 'readonly', Worker: 'readonly' },
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      // Node's own, and what SES and Endo add.
      globals: Object.fromEntries(
        [...Object.getOwnPropertyNames(globalThis), ...sesGlobals].map((name) => [
          name,
          'readonly',
        ]),
      ),
    },
    rules: { 'no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }] },
  },
);
