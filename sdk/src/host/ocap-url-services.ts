/** The two services through which vats issue ocap URLs of objects that they hold, and redeem those that they are told. */
import type { CapData } from '../protocol/capdata.js';
import { describe } from '../protocol/describe.js';
import { isStandIn, kser, kslot } from '../protocol/kernel-values.js';
import { HOST_REALM, type KRef } from '../protocol/refs.js';
import type { IssueOptions, OcapUrlDesk } from './ocap-urls.js';

export const makeIssuerService = (urls: OcapUrlDesk): object => ({
  issue: (object: unknown, options?: IssueOptions) => urls.issue(krefOf(object), options),
  issueNamed: (name: string, object: unknown) => urls.issueNamed(name, krefOf(object)),
  revoke: (url: string) => urls.revoke(url),
});

/** @param readValue - gives what a service may return for data of the kernel. */
export const makeRedeemerService = (
  urls: OcapUrlDesk,
  readValue: (data: CapData<KRef>) => unknown,
): object => ({
  redeem: async (url: string) =>
    readValue(kser(kslot(await urls.redeem(url, HOST_REALM), 'remote'))),
});

function krefOf(value: unknown): KRef {
  if (isStandIn(value)) return value.kref;
  throw new TypeError(`Argument must be a remotable; found ${describe(value)}`);
}
