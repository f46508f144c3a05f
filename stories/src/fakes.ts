/** Vats that stand for `todo.vat.bundle` in a test kernel, each to be seen in one state. */
import { makeDefaultExo, makeTopic } from '@vatkit/sdk/vat';

const never = (): Promise<never> => new Promise(() => undefined);
const locked = (): never => {
  throw Error('The list is locked');
};

/** Its launch never ends. */
export const slowStart = (): object => makeDefaultExo('todo', { bootstrap: never });

/** It runs, and answers nothing. */
export const silent = (): object => {
  const { subscriber } = makeTopic<number>();
  return makeDefaultExo('todo', { list: never, add: never, count: () => subscriber });
};

/** It answers with errors. */
export const failing = (): object => {
  const { publisher, subscriber } = makeTopic<number>();
  publisher.fail(Error('The list is locked'));
  return makeDefaultExo('todo', { list: locked, add: locked, count: () => subscriber });
};

/** It does not start, however often it is tried. */
export const neverStarts = (): never => {
  throw Error('not today');
};

/** It does not start the first time that it is launched in a story. */
export const makeStubborn = () => {
  let tries = 0;
  return (): object => {
    tries += 1;
    if (tries === 1) throw Error('not today');
    return makeDefaultExo('todo', { list: () => ['It runs'], add: () => 1 });
  };
};

/** It takes its time to add. */
export const slowToAdd = (): object => {
  let items: string[] = [];
  return makeDefaultExo('todo', {
    list: () => items,
    async add(text: string) {
      await new Promise((resolve) => setTimeout(resolve, 600));
      if (text === 'fail') throw Error('There is no room');
      items = [...items, text];
      return items.length;
    },
  });
};
