/** What a page may write, and what it may not: read by the compilers that generated types must pass. */
import { call, expose, type KernelClient, type Remote } from '@vatkit/sdk';
import type { InterfaceDefinition, RemoteSubscriber, VatRoot } from '@vatkit/sdk/codegen';
import { defineSubcluster, vat } from '@vatkit/sdk/codegen';
import { Counter, FormsRoot, forms } from './forms.vat.gen.js';
import { guarded, type GuardedRoot } from './guarded.vat.gen.js';
import { odd, type OddRoot, type There } from './odd.vat.gen.js';
import { shop } from './shop.js';
import { shop as shopVat, type ShopRoot } from './shop.vat.gen.js';
import { till } from './till.vat.gen.js';
import { Note, TodoRoot, todo, type Item } from './todo.vat.gen.js';
import type { buildRootObject } from './todo.vat.js';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_equal: Equal<A, B>): void => undefined;

declare const kernel: KernelClient;
type DefinedBy<Definition> =
  Definition extends InterfaceDefinition<infer Interface> ? Interface : never;
const exposed = expose((text: string): void => void text);
const exposedNote = expose({ read: (): string => 'a', edit: (text: string): void => void text });

export async function use(): Promise<void> {
  const { launch, redeem } = kernel;
  const { root } = await launch(todo);
  same<typeof root, TodoRoot>(true);
  same<bigint, Awaited<ReturnType<typeof root.add>>>(true);
  await root.add('milk', 'high', 'oat', 'soy');
  // @ts-expect-error it takes text
  await root.add(1);
  // @ts-expect-error no such priority
  await root.add('milk', 'middle');
  const { items, total } = await root.list({ done: false });
  same<typeof items, Item[]>(true);
  same<typeof total, number>(true);
  const text: string = await root.note('a').read();
  const note: Note = await root.note(text);
  await root.tell(note, exposed);
  await root.tell(root.note('a'), exposed);
  await root.tell(exposedNote, exposed);
  // @ts-expect-error a function that is not exposed
  await root.tell(note, (heard: string) => void heard);
  // @ts-expect-error another interface
  await root.tell(root, exposed);
  const notes: Note[] = await root.notes('a', 'b');
  await notes[0]?.edit('c');
  const maybe = await root.maybe(true);
  // @ts-expect-error it may be undefined
  await maybe.read();
  const tag: string = await (await root.tags()).first.renamed('x').name();
  const bytes: Uint8Array = await root.echo(new TextEncoder().encode(tag));
  const step = await root.countdown(bytes.length).next();
  same<number, typeof step.value>(true);
  const subscriber: RemoteSubscriber<number> = await root.count();
  const update = await subscriber.getUpdate();
  same<number, typeof update.value>(true);
  same<Remote<TodoRoot>, TodoRoot>(true);
  const added: bigint = await call(root, 'add', 'milk', 'high');
  const read: string = await call(call(root, 'note', 'a'), 'read');
  void [added, read];
  // @ts-expect-error it takes text
  await call(root, 'add', 1);
  const other: unknown = await call(root, 'other' as string, 1);
  void other;
  // @ts-expect-error it is called by the kernel alone
  await root.bootstrap({});
  note[Symbol.dispose]();

  same<typeof TodoRoot.add extends { readonly method: string } ? true : false, true>(true);
  // @ts-expect-error no such method
  void TodoRoot.remove;
  void Note.read;
  const definition: InterfaceDefinition<Note> = Note;
  same<typeof definition, InterfaceDefinition<Note>>(true);
  const redeemed = await redeem(Note, 'ocap:x');
  same<Note, typeof redeemed>(true);
  same<Note, DefinedBy<typeof Note>>(true);
  void Counter.add;
  same<typeof TodoRoot.list.kind, 'query'>(true);

  const { root: form } = await launch(forms);
  const one: string | undefined = await form.first(['a', 'b']);
  const both: string = await form.describe('a');
  const number: number = await form.describe(1);
  void [one, both, number, FormsRoot.describe];
  await form['with space']('x');
  await form.path('/x');
  // @ts-expect-error no path
  await form.path('x');
  const { soon } = await form.promises();
  same<{ count: number }, Awaited<ReturnType<Awaited<typeof soon>['add']>>>(true);

  const { root: js } = await launch(guarded);
  same<typeof js, GuardedRoot>(true);
  const amount: bigint = await js.ledger().put('a', 1n, { text: 'b' });
  void amount;
  // @ts-expect-error an amount is a bigint
  await js.ledger().put('a', 1);

  const { root: strange } = await launch(odd);
  same<typeof strange, OddRoot>(true);
  const there: There = await strange.self().self().there();
  const made: string = await strange.new(await strange['*/ </script>']());
  void [there, made, await strange.next().next().next()];
  // @ts-expect-error it is a method, no constructor
  void new strange('x');

  const { root: corner } = await launch(shop);
  same<typeof corner, ShopRoot>(true);
  // @ts-expect-error it needs parameters, a till and a clock
  await launch(shopVat);
  // @ts-expect-error it needs its name
  vat(shopVat);
  // @ts-expect-error the name is text
  vat(shopVat, { parameters: { name: 1 } });
  const parameters = { name: 'x' };
  defineSubcluster({
    name: 'shop',
    bootstrap: 'shop',
    // @ts-expect-error it needs a till
    vats: { shop: vat(shopVat, { parameters }) },
    services: ['clock'],
  });
  // @ts-expect-error it needs a clock
  defineSubcluster({
    name: 'shop',
    bootstrap: 'shop',
    vats: {
      shop: vat(shopVat, { parameters }),
      till: vat(till, { parameters: { currency: 'EUR' } }),
    },
  });
  defineSubcluster({
    name: 'shop',
    bootstrap: 'shop',
    vats: {
      shop: vat(shopVat, { parameters }),
      // @ts-expect-error another interface
      till: vat(todo),
    },
    services: ['clock'],
  });

  type Plain = VatRoot<typeof buildRootObject>;
  same<Parameters<Plain['owner']>, []>(true);
  same<ReturnType<Plain['add']>, bigint>(true);
  const { root: plain } = await launch<Plain>({
    bootstrap: 'todo',
    vats: { todo: { sourceSpec: 'todo.vat.ts' } },
  });
  const sum: bigint = await plain.add('milk', 'high');
  // @ts-expect-error no such priority
  await plain.add('milk', 'middle');
  const words: string = await plain.note('a').read();
  await plain.tell(plain.note('a'), exposed);
  await plain.tell(exposedNote, exposed);
  // @ts-expect-error a function that is not exposed
  await plain.tell(exposedNote, (heard: string) => void heard);
  void [sum, words];
}
