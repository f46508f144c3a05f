/**
 * The types of references: an interface as its vat writes it, turned into what the page holds.
 *
 *     type Todo = { add(text: string): Promise<bigint>; reader(): Promise<Reader> };
 *     // root.add('milk')          RemotePromise<bigint>
 *     // root.reader().list()      pipelined, no await between
 */
import type { SubclusterDefinition } from '../protocol/definition.js';
import type { Exposed } from '../protocol/exposed.js';
import type { VatVersions } from '../protocol/session-wire.js';

export type { Exposed };

type AnyMethod = (...args: never[]) => unknown;
type IsAny<T> = 0 extends 1 & T ? true : false;
type IsUnknown<T> = IsAny<T> extends true ? true : unknown extends T ? true : false;

/** What passes by copy although it is an object. */
type Data = Uint8Array | Error | readonly unknown[];

/** An object passes by reference where all of its members are methods, and there is at least one. */
type IsInterface<T> = T extends Data | AnyMethod
  ? false
  : T extends object
    ? [keyof T] extends [never]
      ? false
      : T[keyof T & string] extends AnyMethod
        ? true
        : false
    : false;

/** Names that would make a ref something else for JavaScript; `call(ref, name)` reaches such methods. */
type Reserved = 'then' | 'toJSON' | 'constructor' | '__proto__';
type MethodName<T> = Exclude<keyof T & string, Reserved>;

declare const interfaceOf: unique symbol;

/** A ref whose methods are not known to the compiler. */
export type Untyped = { readonly [method: string]: (...args: unknown[]) => unknown };

/** What every ref has besides its methods; generated interfaces have it, too. */
type Held = {
  /** The object's interface: `TodoRoot`. */
  readonly [Symbol.toStringTag]: string;
  /** As {@link release}. */
  readonly [Symbol.dispose]: () => void;
};

/** A reference to an object with the methods of `T`. A generated interface is one as it stands. */
export type Remote<T = Untyped> = T extends Held
  ? T
  : { readonly [M in MethodName<T>]: RemoteMethod<T[M]> } & Held & {
        /** Never there: it carries the type. */
        readonly [interfaceOf]?: T;
      };

/** {@link Remote} of an interface, or of the root of a definition. */
export type RefOf<T> = T extends SubclusterDefinition<infer Root> ? Remote<Root> : Remote<T>;

type RemoteMethod<Method> = Method extends (...args: infer Args) => infer Result
  ? (...args: { [Index in keyof Args]: Passed<Args[Index]> }) => RemotePromise<Awaited<Result>>
  : never;

type Pipelined<T> = {
  readonly [M in Exclude<MethodName<T>, 'catch' | 'finally'>]: RemoteMethod<T[M]>;
};
/** Of a result of any type: every name is a method. */
type AnyPipelined = { readonly [method: string]: (...args: unknown[]) => RemotePromise<unknown> };

/** The promise of a call's result. Methods of an object that it will be can be called before it is there. */
export type RemotePromise<T> =
  IsUnknown<T> extends true
    ? AnyPipelined & Promise<unknown>
    : (true extends IsInterface<T> ? Pipelined<Extract<T, object>> : unknown) &
        Promise<Received<T>>;

/** A value of a vat as it reaches the page. */
export type Received<T> =
  IsUnknown<T> extends true
    ? T
    : T extends Promise<infer Value>
      ? RemotePromise<Value>
      : T extends Held
        ? T
        : IsInterface<T> extends true
          ? Remote<T>
          : T extends AnyMethod
            ? Remote<Untyped>
            : T extends Uint8Array | Error
              ? T
              : T extends object
                ? { [Key in keyof T]: Received<T[Key]> }
                : T;

/** What the page may give where a vat takes a `T`. */
export type Passed<T> =
  IsUnknown<T> extends true
    ? T
    : T extends Promise<infer Value>
      ? Promise<Passed<Value>>
      : T extends AnyMethod
        ? Exposed<T>
        : IsInterface<T> extends true
          ? Remote<T> | Exposed<T> | Promise<Remote<T> | Exposed<T>>
          : T extends Uint8Array | Error
            ? T
            : T extends object
              ? { [Key in keyof T]: Passed<T[Key]> }
              : T;

export type CallOptions = {
  /** Answers the caller at once with the signal's reason when it aborts; what the call has begun goes on. */
  signal?: AbortSignal | undefined;
  /** Milliseconds until the caller gets TIMEOUT. */
  timeoutMs?: number | undefined;
};

/** `read`: a read mark; then `onTouched` is told which vats the answer depends on. */
export type SendOptions = CallOptions & {
  read?: boolean;
  onTouched?: (versions: VatVersions) => void;
};

/** Where a ref comes from: enough to know when what its object answered is out of date. */
export type Origin = {
  /** The kernel's. */
  readonly name: string;
  /** See `onVersions` of the client. */
  readonly onVersions: (listener: VersionsListener) => () => void;
};

/** `undefined`: no version that was known before means anything. */
export type VersionsListener = (versions: VatVersions | undefined) => void;
