/** The kernel's end of client sessions, over real ports: what a client hears, and what it cannot do. */
import { describe, expect, it } from 'vitest';
import { bundleOfRoot, startKernel } from './harness.js';
import { connect, data } from './session-wire-client.js';

const counter = bundleOfRoot(`
  count() { return ++this.self.constructor.n; },
  greet(name) { return 'hello ' + name; },
  make(name) { return far.makeDefaultExo('purse', { pay() { return name; }, balance() { return 7n; } }); },
  async callBack(target) { return far.E(target).ring('bell'); },
  fail() { throw Error('it broke'); },
`);

describe('a session', () => {
  it('is welcomed, launches, calls, and hears answers and methods', async () => {
    const kernel = await startKernel();
    const client = connect(kernel);
    const welcome = await client.hello();
    expect(welcome).toMatchObject({ session: 'c1', resumed: false, received: 0, storage: 'memory' });
    const root = await client.launch(welcome, counter);
    expect(await client.call(root, 'greet', data(['you']))).toMatchObject({
      rejected: false,
      value: { body: '#"hello you"' },
    });
    const made = await client.call(root, 'make', data(['gold']));
    const names = client.of('frame').flatMap((frame) => frame.names);
    expect(names.find(({ ref }) => ref === root)?.methods).toStrictEqual(
      ['callBack', 'count', 'fail', 'greet', 'make'],
    );
    expect(names.find(({ ref }) => ref === made.value.slots[0])).toMatchObject({
      iface: 'purse',
      methods: ['balance', 'pay'],
    });
    const failed = await client.call(root, 'fail');
    expect(failed.rejected).toBe(true);
    expect(failed.value.body).toContain('it broke');
    expect(failed.stack).toContain('it broke');
    client.port.close();
  });
});
