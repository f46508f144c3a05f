/** Looks for a way out. Each attempt gives what it got hold of, or throws; the test knows what that may be. */
/* global $vatkit */
import * as everything from '@vatkit/sdk/vat';

const { E, Far, M, makeDefaultExo, prepareExoClass } = everything;

/** A name as code that nobody prepared would see it. */
const named = (name) => Function(`try { return ${name}; } catch { return undefined; }`)();

/** What a function's own constructor, whatever realm it is of, finds under a name of the platform. */
const constructs = (value) => {
  const make = value.constructor.constructor ?? value.constructor;
  return make('return typeof process !== "undefined" && process')();
};

const caught = (action) => {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
};
const caughtLater = async (promise) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

/** The path of everything that can be reached from `roots` and changed. */
function findSoft(roots, allowed) {
  const seen = new Set(allowed);
  const soft = [];
  const queue = Object.entries(roots);
  for (const [path, value] of queue) {
    if (
      (typeof value !== 'object' && typeof value !== 'function') ||
      value === null ||
      seen.has(value)
    )
      continue;
    seen.add(value);
    if (!Object.isFrozen(value)) soft.push(path);
    queue.push([`${path}.__proto__`, Object.getPrototypeOf(value)]);
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      queue.push(
        [`${path}.${key}`, descriptor.value],
        [`${path}.get ${key}`, descriptor.get],
        [`${path}.set ${key}`, descriptor.set],
      );
    }
    for (const key of Object.getOwnPropertySymbols(value)) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key);
      queue.push(
        [`${path}.${String(key)}`, descriptor.value],
        [`${path}.get ${String(key)}`, descriptor.get],
      );
    }
  }
  return { soft, count: seen.size };
}

export function buildRootObject(powers, parameters, baggage) {
  let state;
  const makeNote = prepareExoClass(baggage, 'Note', undefined, () => ({ n: 0 }), {
    touch() {
      this.state.n += 1;
      ({ state } = this);
    },
  });

  /** Objects of the runtime's own making that vat code comes to hold. */
  const gifts = async () => {
    makeNote().touch();
    const promise = E(makeDefaultExo('x', { y: () => 1 })).y();
    const granted = {};
    if (globalThis.setTimeout) granted.timer = setTimeout(() => {}, 1000);
    if (globalThis.URL) {
      granted.url = new URL('http://user:pw@example.com:81/a/b?c=d#e');
      granted.params = granted.url.searchParams;
      granted.entries = granted.params.entries();
      granted.badUrl = caught(() => new URL('::'));
    }
    if (globalThis.AbortController) {
      const controller = new AbortController();
      controller.abort();
      granted.controller = controller;
      granted.signal = controller.signal;
      granted.reason = controller.signal.reason;
    }
    if (globalThis.crypto) {
      granted.crypto = crypto;
      granted.bytes = caught(() => crypto.getRandomValues(new Uint8Array(70_000)));
      granted.noBytes = caught(() => crypto.getRandomValues('x'));
      granted.noDigest = await caughtLater(crypto.subtle.digest('none', new Uint8Array(1)));
      granted.digestPromise = crypto.subtle.digest('SHA-256', new Uint8Array(1));
      granted.key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, [
        'sign',
      ]);
    }
    if (globalThis.atob) {
      granted.badBase64 = caught(() => atob('%'));
      granted.badText = caught(() => btoa('\u{1f99c}'));
    }
    if (globalThis.TextDecoder) {
      granted.badLabel = caught(() => new TextDecoder('none'));
      granted.badBytes = caught(() =>
        new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.of(255)),
      );
      granted.decoder = new TextDecoder();
      granted.encoder = new TextEncoder();
    }
    if (globalThis.fetch) {
      granted.request = new Request('http://example.com/', { method: 'POST', body: 'x' });
      granted.headers = new Headers({ a: 'b' });
      granted.headerEntries = granted.headers.entries();
      granted.response = new Response('text', { headers: { c: 'd' } });
      granted.responseText = new Response('text').text();
      granted.badJson = await caughtLater(new Response('{').json());
      granted.badHeader = caught(() => new Headers({ 'a b': 'c' }));
      granted.badRequest = caught(() => new Request('::'));
      granted.noHost = await caughtLater(fetch('http://localhost:1/'));
      granted.noFile = await caughtLater(fetch('file:///etc/passwd'));
      granted.noScheme = await caughtLater(fetch('data:text/plain,x'));
    }
    if (globalThis.Date?.now.name === 'now') granted.date = new Date(0);
    const topic = everything.makeTopic?.();
    return {
      promise,
      topic,
      iterator: topic?.subscriber[Symbol.asyncIterator]?.(),
      weakMap: new WeakMap(),
      badWeakKey: caught(() => new WeakMap().set(1, 1)),
      note: makeNote(),
      state,
      presence: baggage.has('other') ? baggage.get('other') : undefined,
      badKey: caught(() => baggage.get('nowhere')),
      badValue: caught(() => baggage.init('x', new Map())),
      badTags: caught(() => powers.logger.subLogger({ tags: { map: () => [() => {}] } }).log('x')),
      badLevel: caught(() => powers.exit(new Map())),
      badExo: caught(() => makeDefaultExo('x', { y: 1 })),
      badGuard: caught(() => M.interface(7)),
      badFar: caught(() => Far(7, {})),
      badHarden: caught(() =>
        harden(
          new Proxy(
            {},
            {
              ownKeys: () => {
                throw TypeError('mine');
              },
            },
          ),
        ),
      ),
      rejected: await caughtLater(E(makeDefaultExo('x', {})).nothing()),
      got: await caughtLater(E.get(makeDefaultExo('x', {})).y),
      overflow: caught(function deeper() {
        deeper();
      }),
      syntax: caught(() => Function('}')),
      ...granted,
    };
  };

  const attempts = {
    functionConstructor: () => constructs(() => {}),
    asyncConstructor: () => (async () => {}).constructor('return process')(),
    generatorConstructor: () => function* () {}.constructor('return process')(),
    asyncGeneratorConstructor: () => async function* () {}.constructor('return process')(),
    arrayConstructor: () => [].constructor.constructor('return process')(),
    consoleConstructor: () => constructs(console.log),
    hardenConstructor: () => constructs(harden),
    assertConstructor: () => constructs(assert),
    senderConstructor: () => constructs(E),
    loggerConstructor: () => constructs(powers.logger.log),
    baggageConstructor: () => constructs(baggage.get),
    handledConstructor: () => constructs(HandledPromise),
    compartmentConstructor: () => constructs(Compartment),
    errorConstructor: () => constructs(caught(() => baggage.get('nowhere'))),
    indirectEval: () => (0, eval)('process'),
    sloppyThis: () => {
      const found = Function('return this')();
      return found === globalThis ? undefined : found;
    },
    strictThis: () =>
      (function () {
        return this;
      })(),
    calleeOfRuntime: () => Function('return arguments.callee.caller')(),
    functionCaller: () =>
      (function inner() {
        return inner.caller;
      })(),
    compartmentEvaluate: () =>
      new Compartment().evaluate('typeof process === "undefined" ? undefined : process'),
    compartmentNested: () => new Compartment().evaluate('new Compartment().globalThis.process'),
    compartmentGlobal: () => new Compartment({ globals: {}, __options__: true }).globalThis.process,
    compartmentImport: async () =>
      new Compartment({ modules: {}, __options__: true }).import('node:fs'),
    compartmentHook: async () =>
      new Compartment({
        resolveHook: (name) => name,
        importHook: async (name) => ({ namespace: name }),
        __options__: true,
      }).import('node:fs'),
    dynamicImport: () => (0, eval)('im' + 'port("node:fs")'),
    htmlComment: () => (0, eval)('<!' + '-- \n process'),
    sitesOfStack: () => {
      let sites;
      Error.prepareStackTrace = (_error, all) => (sites = all);
      String(Error('x').stack);
      return sites?.[0].getThis?.() ?? sites?.[0];
    },
    captureStack: () => {
      const holder = {};
      Error.captureStackTrace?.(holder);
      return /node_modules|worker-node|\/sdk\/|internal\//.exec(String(holder.stack ?? ''))?.[0];
    },
    stackOfError: () =>
      /node_modules|worker-node|\/sdk\/|file:|internal\//.exec(String(Error('x').stack))?.[0],
    stackOfRuntime: () =>
      /node_modules|worker-node|\/sdk\/|file:|internal\//.exec(
        String(caught(() => baggage.get('nowhere')).stack),
      )?.[0],
    regexpStatics: () => RegExp.$_ ?? RegExp.lastMatch,
    lockdownAgain: () => lockdown({}),
    dateNow: () => Date.now(),
    newDate: () => new Date(),
    mathRandom: () => Math.random(),
    collator: () => globalThis.Intl,
    localeOfHost: () => (0.5).toLocaleString() !== '0.5',
    objectPrototype: () => {
      Object.prototype.poisoned = 1;
      return {}.poisoned;
    },
    arrayPrototype: () => {
      Array.prototype.push = () => 'poisoned';
      return [].push(1) === 'poisoned';
    },
    promisePrototype: () => {
      Promise.prototype.then = () => 'poisoned';
    },
    defineOnPrototype: () =>
      Reflect.defineProperty(Map.prototype, 'get', { value: () => 'poisoned' }),
    setPrototype: () => Reflect.setPrototypeOf(Array.prototype, { poisoned: 1 }),
    json: () => {
      JSON.stringify = () => 'poisoned';
    },
    reflectApply: () => {
      Reflect.apply = () => 'poisoned';
    },
    sender: () => {
      E.extra = 1;
    },
    pattern: () => {
      M.string = () => 'poisoned';
    },
    hardened: () => {
      harden.extra = 1;
    },
    console: () => {
      console.log = () => {};
    },
    logger: () => {
      powers.logger.log = () => {};
    },
    runtimeModules: () => {
      $vatkit['@endo/far'] = {};
    },
    runtimeModule: () => {
      $vatkit['@endo/far'].E = () => 'poisoned';
    },
    baggageMethod: () => {
      baggage.get = () => 'poisoned';
    },
    parameters: () => {
      parameters.changed = true;
    },
    kinds: () => {
      const [symbol] = Object.getOwnPropertySymbols(baggage);
      baggage[symbol] = 1;
    },
    speciesOfArray: () => {
      Object.defineProperty(Array, Symbol.species, { value: Object });
    },
    weakRef: () => globalThis.WeakRef ?? everything.WeakRef,
  };

  return makeDefaultExo('root', {
    names: () => Object.keys(attempts),
    /** `confined`, with what was thrown, or what was got. */
    async attempt(name) {
      try {
        const loot = await attempts[name]();
        return loot === undefined || loot === false
          ? 'nothing'
          : `got ${typeof loot} ${String(loot).slice(0, 100)}`;
      } catch (error) {
        return `threw ${error.name}: ${error.message.slice(0, 200)}`;
      }
    },
    globals: () => Object.getOwnPropertyNames(globalThis).sort(),
    /** Which of the names are there. */
    present: (names) => names.filter((name) => named(name) !== undefined),
    async soft() {
      const own = [globalThis, everything, attempts, gifts, makeNote];
      const {
        globalThis: _own,
        global: _same,
        ...globals
      } = Object.getOwnPropertyDescriptors(globalThis);
      const roots = { powers, parameters, baggage, globals, ...(await gifts()) };
      const { soft, count } = findSoft(
        {
          ...roots,
          ...everything,
          globals: undefined,
          ...Object.fromEntries(Object.entries(globals).map(([name, { value }]) => [name, value])),
        },
        own,
      );
      return { soft, count };
    },
    /** The names of the classes of the errors that the runtime's functions throw. */
    async foreignErrors() {
      const classes = [
        Error,
        TypeError,
        RangeError,
        SyntaxError,
        ReferenceError,
        URIError,
        EvalError,
        AggregateError,
      ];
      const known = new Set(classes.map(({ prototype }) => prototype));
      return Object.entries(await gifts())
        .filter(
          ([, value]) =>
            value instanceof Error ||
            Object.prototype.toString.call(value) === '[object Error]' ||
            Object.prototype.toString.call(value) === '[object DOMException]',
        )
        .filter(([, value]) => !known.has(Object.getPrototypeOf(value)))
        .map(([name, value]) => `${name}: ${Object.prototype.toString.call(value)}`);
    },
    hold: (other) => baggage.init('other', other),
    /** The runtime goes on working after all that. */
    works: async () =>
      (await E(makeDefaultExo('x', { y: (...args) => args })).y(1, 'two', [3n])).length,
  });
}
