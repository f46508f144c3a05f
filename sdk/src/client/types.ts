/**
 * The types of references: an interface as its vat writes it, turned into what the page holds.
 *
 *     type Todo = { add(text: string): Promise<bigint>; reader(): Promise<Reader> };
 *     // root.add('milk')          Promise<bigint>
 *     // root.reader().list()      pipelined, no await between
 *
 * Generated interfaces are what the page holds already: they extend {@link Ref}, and nothing is made of them.
 */
import type { SubclusterDefinition } from '../protocol/definition.js';
import type { Exposed, Passed as PassedRef, Ref, RemotePromise } from '../protocol/remote.js';
import type { VatVersions } from '../protocol/session-wire.js';

type AnyMethod = (...args: never[]) => unknown;
type IsAny<T> = 0 extends 1 & T ? true : false;
type IsUnknown<T> = IsAny<T> extends true ? true : unknown extends T ? true : false;

/** What passes by copy although it is an object. */
type Data = Uint8Array | Error | readonly unknown[];

/** What Endo's types say of an exo besides its methods. */
type Marker = 'Symbol(passStyle)' | '__getInterfaceGuard__' | '__interfaceGuard__';
type MemberName<T> = Exclude<keyof T & string, Marker>;

/** An object passes by reference where all of its members are methods, and there is at least one. */
type IsInterface<T> = T extends Data | AnyMethod
  ? false
  : T extends object
    ? AreMethods<T[MemberName<T>]>
    : false;
type AreMethods<Member> = [Member] extends [never]
  ? false
  : Member extends AnyMethod
    ? true
    : false;

/** Names that would make a ref something else for JavaScript; `call(ref, name)` reaches such methods. */
type Reserved = 'then' | 'toJSON' | 'constructor' | '__proto__';

/** A ref whose methods are not known to the compiler. */
export type Untyped = { readonly [method: string]: (...args: unknown[]) => unknown };

/** A reference to an object with the methods of `T`. */
export type Remote<T = Untyped> = T extends Ref
  ? T
  : RemoteMethods<T, Exclude<MemberName<T>, Reserved>> & Ref;

/** Over a parameter that extends `keyof T`, so that go-to-definition leads to the methods of `T`. */
type RemoteMethods<T, Name extends keyof T> = { readonly [M in Name]: RemoteMethod<T[M]> };

type RemoteMethod<Method> = Method extends (...args: infer Args) => infer Result
  ? (...args: { [Index in keyof Args]: Passed<Args[Index]> }) => Answer<Awaited<Result>>
  : never;

/** {@link Remote} of an interface, or of the root of a definition. */
export type RefOf<T> = T extends SubclusterDefinition<infer Root> ? Remote<Root> : Remote<T>;

/** Of a result of any type: every name is a method. */
type AnyPipelined = { readonly [method: string]: (...args: unknown[]) => Answer<unknown> };

/** The promise of a call's result. Methods of an object that it will be can be called before it is there. */
type Answer<T> =
  IsUnknown<T> extends true
    ? AnyPipelined & Promise<unknown>
    : [Extract<Received<T>, Ref>] extends [never]
      ? Promise<Received<T>>
      : Promise<Received<T>> & RemotePromise<Extract<Received<T>, Ref>>;

/** A value of a vat as it reaches the page. */
export type Received<T> =
  IsUnknown<T> extends true
    ? T
    : T extends Promise<infer Value>
      ? Answer<Value>
      : T extends Ref
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
      : T extends Ref
        ? PassedRef<T>
        : T extends AnyMethod
          ? Exposed<Implementation<T>>
          : IsInterface<T> extends true
            ? | Remote<T>
              | Exposed<Implementation<T>>
              | PromiseLike<Remote<T> | Exposed<Implementation<T>>>
            : T extends Uint8Array | Error
              ? T
              : T extends object
                ? { [Key in keyof T]: Passed<T[Key]> }
                : T;

/** A function or object of the page in place of one of a vat: it may answer at once or later. */
type Implementation<T> = T extends (...args: infer Args) => infer Result
  ? (
      ...args: { [Index in keyof Args]: Received<Args[Index]> }
    ) => void extends Result
      ? unknown
      : Passed<Awaited<Result>> | PromiseLike<Passed<Awaited<Result>>>
  : { [M in keyof T & string]: Implementation<T[M]> };

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
