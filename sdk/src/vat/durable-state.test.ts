import './lockdown.js';
import { describe, expect, it } from 'vitest';
import { capData, errorOf, makeTestVat, writesOf, type TestVat } from './test-vat.js';

/** A root whose method `run` evaluates a function over the vat's own names. */
const script = (setup = '', methods = '') => `
  ${setup}
  return makeDefaultExo('root', {
    has: key => baggage.has(key),
    get: key => baggage.get(key),
    init(key, value) { baggage.init(key, value); },
    set(key, value) { baggage.set(key, value); },
    delete(key) { baggage.delete(key); },
    keys: () => baggage.keys(),
    values: () => baggage.values(),
    entries: () => baggage.entries(),
    getSize: () => baggage.getSize(),
    clear() { baggage.clear(); },
    ${methods}
  });`;

const start = async (body: string, state: [string, string][] = []) => {
  const vat = makeTestVat(body);
  await vat.start({}, state, 1 + state.length * 100);
  return vat;
};

const value = async (vat: TestVat, method: string, args: unknown = [], slots: string[] = []) => {
  const { answer } = await vat.message(method, args, slots);
  if (answer?.rejected !== false) throw Error(errorOf(answer));
  return JSON.parse(answer.value.body.slice(1)) as unknown;
};

describe('the baggage', () => {
  it('reports each change with its crank, once for each key', async () => {
    const vat = await start(
      script(
        '',
        'many() { baggage.init("a", 1); baggage.set("a", 2); baggage.init("b", 1); baggage.delete("b"); },',
      ),
    );
    expect(writesOf((await vat.message('init', ['n', { text: 'x', big: '+5' }])).writes)).toEqual({
      'b.sn': '#{"big":"+5","text":"x"}',
    });
    expect(writesOf((await vat.message('many')).writes)).toEqual({ 'b.sa': '#2', 'b.sb': null });
    expect((await vat.message('get', ['a'])).writes).toEqual([]);
    expect(writesOf((await vat.message('clear')).writes)).toEqual({ 'b.sa': null, 'b.sn': null });
  });

  it('holds in the next incarnation what it held in the last', async () => {
    const vat = await start(script());
    const stored = {
      nan: '#NaN',
      list: ['!#literal', '%@@iterator', '$0.Alleged: a', { '#tag': 'bytes', payload: 'AAE=' }],
    };
    await vat.message('init', ['x', stored], ['o-4']);
    const next = await start(script(), vat.state());
    expect(await value(next, 'get', ['x'])).toEqual({ ...stored });
    expect((await next.message('get', ['x'])).answer?.value.slots).toEqual(['o-4']);
    expect((await next.message('set', ['x', 1])).writes).toEqual([{ key: 'b.sx', value: '#1' }]);
  });

  it('finds every scalar key again, in the order of its type', async () => {
    const vat = await start(script());
    const keys: unknown[] = [
      'b',
      'a',
      3,
      -1,
      '+7',
      true,
      null,
      '#undefined',
      '%@@iterator',
      '#NaN',
      'with space',
      '',
    ];
    for (const key of keys) await vat.message('init', [key, key]);
    await vat.message('init', ['$0.Alleged: a', 'presence'], ['o-4']);
    const next = await start(script(), vat.state());
    const entries = (await value(next, 'entries')) as [unknown, unknown][];
    expect(entries).toHaveLength(keys.length + 1);
    for (const [key, kept] of entries) if (kept !== 'presence') expect(kept).toEqual(key);
    const strings = entries
      .map(([key]) => key)
      .filter((key) => ['b', 'a', 'with space', ''].includes(key as string));
    expect(strings).toEqual(['', 'a', 'b', 'with space']);
    expect(await value(next, 'get', ['$0.Alleged: a'], ['o-4'])).toBe('presence');
    expect(await value(next, 'getSize')).toBe(keys.length + 1);
    expect(await value(next, 'has', [4])).toBe(false);
  });

  it.each([
    ['get', ['nope'], 'The baggage has no "nope"'],
    ['set', ['nope', 1], 'The baggage has no "nope"'],
    ['delete', ['nope'], 'The baggage has no "nope"'],
    ['init', ['there', 1], 'The baggage already has "there"; use set'],
    ['init', [[], 1], 'A key of the baggage is a string'],
    ['has', [{}], 'A key of the baggage is a string'],
  ])('refuses %s%j', async (method, args, message) => {
    const vat = await start(script());
    await vat.message('init', ['there', 0]);
    expect(errorOf((await vat.message(method, args)).answer)).toContain(message);
  });

  it.each([
    [
      'heap',
      `['x', [{ y: makeDefaultExo('h', {}) }]]`,
      'Cannot keep "x" in the baggage: [0].y: an object of the heap is not durable; make it with prepareExo or prepareExoClass',
    ],
    [
      'promise',
      `['x', { p: Promise.resolve() }]`,
      'Cannot keep "x" in the baggage: .p: a promise is not durable',
    ],
    ['map', `['x', [new Map()]]`, 'Cannot keep "x" in the baggage: [0]: cannot keep a Map'],
    ['huge', `['x', 'y'.repeat(2000000)]`, 'code units of text'],
    ['key', `[makeDefaultExo('h', {}), 1]`, 'a key must be durable'],
    [
      'tagged',
      `['x', harden({ t: M.eq(makeDefaultExo('h', {})) })]`,
      'an object of the heap is not durable',
    ],
  ])('refuses to keep what is not durable: %s', async (_what, args, message) => {
    const vat = await start(script('', `go() { baggage.init(...${args}); },`));
    const crank = await vat.message('go');
    expect(errorOf(crank.answer)).toContain(message);
    expect(crank.writes).toEqual([]);
    expect(vat.sizes()).toMatchObject({ exports: 1, imports: 0, promises: 0, weakKeys: 0 });
  });

  it('hardens what it keeps and gives the same again', async () => {
    const vat = await start(
      script(
        '',
        `go() { const v = { a: [1] }; baggage.init('v', v); return Object.isFrozen(v.a) && baggage.get('v') === baggage.get('v'); },`,
      ),
    );
    expect(await value(vat, 'go')).toBe(true);
  });
});

describe('durable exos', () => {
  const notes = `
    const makeNote = prepareExoClass(baggage, 'Note', undefined, (text, friend) => ({ text, friend, self: undefined }), {
      read() { return this.state.text; },
      edit(text) { this.state.text = text; },
      befriend(friend) { this.state.friend = friend; },
      friend() { return this.state.friend; },
      me() { return this.self; },
      bad() { this.state.other = 1; },
      badValue() { this.state.text = [{ h: makeDefaultExo('h', {}) }]; },
      fields() { return { ...this.state }; },
    });
    const only = prepareExo(baggage, 'only', M.interface('only', { add: M.call(M.number()).returns(M.number()) }), {
      add: n => n + 1,
    });
    const makeCounter = prepareExoClassKit(baggage, 'Counter', undefined, start => ({ n: start }), {
      up: { incr() { this.state.n += 1; return this.facets.read; } },
      read: { get() { return this.state.n; } },
    }, { finish: ({ state, facets }) => { if (!facets.up) throw Error('no facets'); state.n += 100; } });`;
  const methods = `
    note: (...args) => makeNote(...args),
    keepNote(text) { baggage.init('note', makeNote(text, baggage.has('note') ? baggage.get('note') : null)); },
    only: () => only,
    counter: n => makeCounter(n),
    keepCounter(n) { baggage.init('counter', makeCounter(n).up); },
    same() { return makeNote === makeNote && baggage.get('note').me() === baggage.get('note'); },
    inner() { return baggage.get('note').read(); },`;

  it('survive with their state, and come back as one object', async () => {
    const vat = await start(script(notes, methods));
    await vat.message('keepNote', ['hello']);
    const { answer } = await vat.message('get', ['note']);
    expect(answer?.value).toEqual(capData('$0.Alleged: Note', ['o+d1/1']));
    expect(writesOf((await vat.message('edit', ['bye'], [], 'o+d1/1')).writes)).toEqual({
      'i.1/1': '#{"friend":null,"self":"#undefined","text":"bye"}',
    });
    const next = await start(script(notes, methods), vat.state());
    expect(await value(next, 'inner')).toBe('bye');
    expect(await value(next, 'same')).toBe(true);
    expect((await next.message('me', [], [], 'o+d1/1')).answer?.value).toEqual(
      capData('$0.Alleged: Note', ['o+d1/1']),
    );
    expect((await next.message('note', ['second', null])).answer?.value.slots).toEqual(['o+d1/2']);
  });

  it('hold one another and themselves', async () => {
    const vat = await start(script(notes, methods));
    await vat.message('keepNote', ['a']);
    await vat.message('get', ['note']);
    await vat.message('befriend', ['$0'], ['o+d1/1'], 'o+d1/1');
    const next = await start(script(notes, methods), vat.state());
    expect((await next.message('friend', [], [], 'o+d1/1')).answer?.value.slots).toEqual([
      'o+d1/1',
    ]);
  });

  it('are refused a state that is not durable, or has other fields', async () => {
    const vat = await start(script(notes, methods));
    await vat.message('note', ['a', null]);
    expect(errorOf((await vat.message('bad', [], [], 'o+d1/1')).answer)).toContain('other');
    const { answer, writes } = await vat.message('badValue', [], [], 'o+d1/1');
    expect(errorOf(answer)).toBe(
      'Cannot keep the state of "Note": .text[0].h: an object of the heap is not durable; make it with prepareExo or prepareExoClass',
    );
    expect(writes).toEqual([]);
    expect(
      JSON.parse((await vat.message('fields', [], [], 'o+d1/1')).answer?.value.body.slice(1) ?? ''),
    ).toEqual({
      text: 'a',
      friend: null,
      self: '#undefined',
    });
  });

  it('that there is one of are the same over restarts, with their guards', async () => {
    const vat = await start(script(notes, methods));
    expect((await vat.message('only')).answer?.value).toEqual(
      capData('$0.Alleged: only', ['o+d2/1']),
    );
    const next = await start(script(notes, methods), vat.state());
    expect((await next.message('add', [4], [], 'o+d2/1')).answer?.value).toEqual(capData(5));
    expect(errorOf((await next.message('add', ['x'], [], 'o+d2/1')).answer)).toContain(
      '"x" - Must be a number',
    );
    await next.reap();
    expect((await next.message('only')).answer?.value.slots).toEqual(['o+d2/1']);
  });

  it('of several facets share their state; each facet has its name', async () => {
    const vat = await start(script(notes, methods));
    expect((await vat.message('counter', [5])).answer?.value).toEqual(
      capData({ read: '$0.Alleged: Counter read', up: '$1.Alleged: Counter up' }, [
        'o+d3/1:0',
        'o+d3/1:1',
      ]),
    );
    expect((await vat.message('incr', [], [], 'o+d3/1:1')).answer?.value.slots).toEqual([
      'o+d3/1:0',
    ]);
    await vat.message('keepCounter', [0]);
    const next = await start(script(notes, methods), vat.state());
    expect((await next.message('get', [], [], 'o+d3/1:0')).answer?.value).toEqual(capData(106));
    expect((await next.message('get', ['counter'])).answer?.value.slots).toEqual(['o+d3/2:1']);
    expect(errorOf((await next.message('incr', [], [], 'o+d3/1:0')).answer)).toContain(
      'target has no method "incr"',
    );
  });

  it('of a kit that gets a new facet keep the names of the old', async () => {
    const kit = (facets: string) =>
      script(
        `const makeKit = prepareExoClassKit(baggage, 'Kit', undefined, () => ({}), { ${facets} });`,
        'make: () => makeKit(),',
      );
    const vat = await start(kit('b: { f: () => "b" }, c: { f: () => "c" }'));
    await vat.message('make');
    const next = await start(
      kit('a: { f: () => "a" }, b: { f: () => "b" }, c: { f: () => "c" }'),
      vat.state(),
    );
    expect((await next.message('f', [], [], 'o+d1/1:0')).answer?.value).toEqual(capData('b'));
    expect((await next.message('f', [], [], 'o+d1/1:2')).answer?.value).toEqual(capData('a'));
  });

  it('that were deleted reject as such', async () => {
    const vat = await start(script(notes, methods));
    expect(errorOf((await vat.message('read', [], [], 'o+d1/77')).answer)).toBe(
      '[KERNEL:OBJECT_DELETED] o+d1/77 is no longer there',
    );
  });

  it('fail a start that does not prepare their kind', async () => {
    const vat = await start(script(notes, methods));
    await vat.message('keepNote', ['hello']);
    const next = makeTestVat(script());
    const error = await next.fails({
      type: 'start',
      parameters: {},
      state: vat.state(),
      nextExport: 5,
    });
    expect(error.message).toBe(
      'the vat has durable objects of "Note", "only", which buildRootObject did not prepare',
    );
  });

  it.each([
    [
      'twice',
      `prepareExo(baggage, 'a', undefined, {}); prepareExo(baggage, 'a', undefined, {});`,
      'The durable kind "a" is already prepared',
    ],
    ['without a name', `prepareExo(baggage, '', undefined, {});`, 'A durable kind needs a name'],
    [
      'without the baggage',
      `prepareExo({}, 'a', undefined, {});`,
      'The first argument must be the baggage',
    ],
    [
      'without a guarded method',
      `prepareExo(baggage, 'a', M.interface('a', { f: M.call().returns() }), {});`,
      'not implemented',
    ],
    [
      'with a state that is no record',
      `prepareExoClass(baggage, 'a', undefined, () => 5, {})();`,
      'must return a record',
    ],
    [
      'used before',
      `baggage.init('x', prepareExoClass(baggage, 'a', undefined, () => ({}), {})()); prepareExoClass(baggage, 'a', undefined, () => ({}), {});`,
      'already prepared',
    ],
  ])('are refused when prepared %s', async (_how, setup, message) => {
    expect((await makeTestVat(script(setup)).fails()).message).toContain(message);
  });

  it('cannot change from one kind of kind to another', async () => {
    const vat = await start(script(notes, methods));
    const next = makeTestVat(script(`prepareExo(baggage, 'Note', undefined, {});`));
    const error = await next.fails({
      type: 'start',
      parameters: {},
      state: vat.state(),
      nextExport: 5,
    });
    expect(error.message).toBe(
      'The durable kind "Note" was a class and cannot become a single exo',
    );
  });

  it('can be the root, which then has the root’s name', async () => {
    const body = `const root = prepareExo(baggage, 'root', undefined, { me() { return this.self; }, store() { baggage.init('me', this.self); }, load: () => baggage.get('me') }); return root;`;
    const vat = await start(body);
    expect((await vat.message('me')).answer?.value).toEqual(capData('$0.Alleged: root', ['o+0']));
    const { writes } = await vat.message('store');
    expect(writesOf(writes)).toEqual({ 'b.sme': 'o+d1/1#"$0.Alleged: root"' });
    const next = await start(body, vat.state());
    expect((await next.message('load')).answer?.value.slots).toEqual(['o+0']);
  });

  it('report an instance and its numbering in the crank that made it, and never use a number twice', async () => {
    const vat = await start(script(notes, methods));
    const { writes } = await vat.message('note', ['a', null]);
    expect(writesOf(writes)).toEqual({
      'i.1/1': '#{"friend":null,"self":"#undefined","text":"a"}',
      'k.Note': '#{"id":1,"nextInstance":2}',
      'x.o+d1/1': '#r',
    });
    await vat.deliver({ type: 'drop-exports', vrefs: ['o+d1/1'] });
    await vat.reap();
    const next = await start(script(notes, methods), vat.state());
    expect((await next.message('note', ['b', null])).answer?.value.slots).toEqual(['o+d1/2']);
  });
});

describe('heap exos', () => {
  it('hold to their guards', async () => {
    const vat = await start(
      script(
        '',
        `
      guarded: () => makeExo('g', M.interface('g', { f: M.call(M.string()).returns(M.number()) }), { f: x => x.length }),
      wrong: () => makeExo('g', M.interface('g', { f: M.call().returns(M.number()) }), { f: () => 'text' }),`,
      ),
    );
    await vat.message('guarded');
    await vat.message('wrong');
    expect((await vat.message('f', ['abc'], [], 'o+1')).answer?.value).toEqual(capData(3));
    expect(errorOf((await vat.message('f', [5], [], 'o+1')).answer)).toContain('Must be a string');
    expect(errorOf((await vat.message('f', [], [], 'o+2')).answer)).toContain('Must be a number');
  });
});
