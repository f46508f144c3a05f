/** What the compiler makes of interfaces; it is the compiler that fails these. */
import { expectTypeOf, it } from 'vitest';
import type { SubclusterDefinition } from '../protocol/definition.js';
import type { KernelClient } from './kernel.js';
import type { Exposed } from '../protocol/remote.js';
import type { RefOf, Remote } from './types.js';

type Reader = { list(kind?: string): string[]; count(): Promise<bigint> };
type Todo = {
  add(text: string, tags: string[]): Promise<bigint>;
  reader(): Promise<Reader>;
  readers(): { byName: { [name: string]: Reader }; all: Reader[] };
  adopt(reader: Reader, onDone: (count: bigint) => void): void;
  bytes(data: Uint8Array): Uint8Array;
  anything(value: unknown): unknown;
  then(): string;
};
declare const todo: Remote<Todo>;
declare const kernel: KernelClient;

it('methods give promises of what the vat gives', () => {
  type Of<M extends keyof Remote<Todo>> = Remote<Todo>[M] extends (...args: never[]) => infer R
    ? Awaited<R>
    : never;
  expectTypeOf<Of<'add'>>().toEqualTypeOf<bigint>();
  expectTypeOf<Of<'reader'>>().toEqualTypeOf<Remote<Reader>>();
  expectTypeOf<Of<'bytes'>>().toEqualTypeOf<Uint8Array>();
  expectTypeOf<Of<'anything'>>().toEqualTypeOf<unknown>();
  expectTypeOf<Of<'readers'>['all'][number]>().toEqualTypeOf<Remote<Reader>>();
  expectTypeOf<Of<'readers'>['byName'][string]>().toEqualTypeOf<Remote<Reader>>();
  expectTypeOf<'then' extends keyof Remote<Todo> ? true : false>().toEqualTypeOf<false>();
  expectTypeOf<Parameters<Remote<Todo>['add']>>().toEqualTypeOf<[text: string, tags: string[]]>();
});

it('the promise of an object has its methods', () => {
  const use = async (): Promise<void> => {
    expectTypeOf(await todo.reader().list()).toEqualTypeOf<string[]>();
    expectTypeOf(await todo.reader().count()).toEqualTypeOf<bigint>();
    expectTypeOf(await todo.anything(1).more?.()).toEqualTypeOf<unknown>();
    // @ts-expect-error a reader has no such method
    void todo.reader().remove;
    // @ts-expect-error a number has no methods of the vat's
    void todo.add('x', []).more;
  };
  void use;
});

it('an argument is a ref, a promise of one, or what is exposed', () => {
  const use = (reader: Remote<Reader>, exposed: Exposed<(count: bigint) => void>): void => {
    void todo.adopt(reader, exposed);
    void todo.adopt(todo.reader(), exposed);
    // @ts-expect-error a function passes only if it is exposed
    void todo.adopt(reader, (count: bigint) => void count);
    // @ts-expect-error a string is no reader
    void todo.adopt('reader', exposed);
  };
  void use;
});

it('a launch is typed by its definition', () => {
  const use = async (definition: SubclusterDefinition<Todo>): Promise<void> => {
    const { root } = await kernel.launch(definition);
    expectTypeOf(root).toEqualTypeOf<Remote<Todo>>();
    expectTypeOf<RefOf<typeof definition>>().toEqualTypeOf<Remote<Todo>>();
    expectTypeOf(await kernel.ref<Reader>('ko5')).toEqualTypeOf<Remote<Reader>>();
  };
  void use;
});
