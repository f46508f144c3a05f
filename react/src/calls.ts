import { useCallback } from 'react';
import {
  useMutation,
  useQuery,
  useSuspenseQuery,
  type UseMutationResult,
  type UseQueryResult,
  type UseSuspenseQueryResult,
} from '@tanstack/react-query';
import type { MethodDescriptor } from '@vatkit/sdk';
import {
  vatLiveOptions,
  vatMutationOptions,
  vatQueryOptions,
  type AnswerOf,
  type ArgsOf,
  type LiveOf,
  type RefTo,
  type VatLiveOptions,
  type VatMutationOptions,
  type VatQueryOptions,
} from '@vatkit/sdk/query';
import { useClientOnly } from './server.js';

/** `subscribed: false` stops its renders and refetches for a while. */
type Subscribed = { subscribed?: boolean };
type NotOfSuspense = 'on' | 'enabled' | 'throwOnError' | 'placeholderData';

/**
 * What a query of a vat answers, kept up to date.
 *
 *     const list = useVatCall(TodoRoot.list, { on: todo?.root, args: ['open'] });
 */
export function useVatCall<Method, Interface, Selected = AnswerOf<Method>>(
  descriptor: MethodDescriptor<Method, Interface, 'query'>,
  options: VatQueryOptions<Method, Interface, Selected> & Subscribed,
): UseQueryResult<Selected, Error> {
  return useQuery(vatQueryOptions(descriptor, options));
}

export type SuspenseVatCallOptions<Method, Interface, Selected> = Omit<
  VatQueryOptions<Method, Interface, Selected>,
  NotOfSuspense
> & { on: RefTo<Interface> };

/** As {@link useVatCall}, but it suspends until there is an answer, and throws an error to the nearest boundary. */
export function useSuspenseVatCall<Method, Interface, Selected = AnswerOf<Method>>(
  descriptor: MethodDescriptor<Method, Interface, 'query'>,
  options: SuspenseVatCallOptions<Method, Interface, Selected>,
): UseSuspenseQueryResult<Selected, Error> {
  useClientOnly('useSuspenseVatCall');
  const made = vatQueryOptions(
    descriptor,
    options as unknown as VatQueryOptions<Method, Interface, Selected>,
  );
  return useSuspenseQuery(made as never);
}

export type VatMutationResult<Method, OnMutate = unknown> = UseMutationResult<
  AnswerOf<Method>,
  Error,
  ArgsOf<Method>,
  OnMutate
> & {
  /** Sends it, once. A rejection that nobody looks at is in `error` all the same. */
  send: (...args: Extract<ArgsOf<Method>, readonly unknown[]>) => Promise<AnswerOf<Method>>;
};

/**
 * A mutation of a vat.
 *
 *     const add = useVatMutation(TodoRoot.add, { on: todo?.root });
 *     <button onClick={() => add.send('buy milk')}>Add</button>
 */
export function useVatMutation<Method, Interface, OnMutate = unknown>(
  descriptor: MethodDescriptor<Method, Interface, 'mutation'>,
  options: VatMutationOptions<Method, Interface, OnMutate>,
): VatMutationResult<Method, OnMutate> {
  const result = useMutation(vatMutationOptions(descriptor, options));
  const { mutateAsync } = result;
  const send = useCallback(
    (...args: unknown[]) => {
      const sent = mutateAsync(args as ArgsOf<Method>);
      sent.catch(() => undefined);
      return sent;
    },
    [mutateAsync],
  );
  return { ...result, send: send };
}

/**
 * The latest value of a vat's topic or async iterator, followed as long as the component is there.
 *
 *     const count = useVatLive(TodoRoot.count, { on: todo?.root });
 */
export function useVatLive<Method, Interface, Selected = LiveOf<Method>>(
  descriptor: MethodDescriptor<Method, Interface, 'live'>,
  options: VatLiveOptions<Method, Interface, Selected> & Subscribed,
): UseQueryResult<Selected, Error> {
  return useQuery(vatLiveOptions(descriptor, options));
}
