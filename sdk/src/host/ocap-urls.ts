/** Issues and redeems ocap URLs: what of it is not the kernel's, which knows their numbers alone. */
import { KernelError } from '../errors.js';
import { formatOcapUrl, parseOcapUrl, randomNumber, type OcapUrl } from '../comms/ocap-url.js';
import type { Outcome } from '../kernel/events.js';
import type { OcapUrlLimits } from '../kernel/ocap-urls.js';
import { describe } from '../protocol/describe.js';
import { isKRef, type EndpointId, type KRef } from '../protocol/refs.js';
import { limits } from '../limits.js';
import type { EventLoop } from './event-loop.js';
import type { Identities } from './identity.js';

/** `once`: `uses: 1`. */
export type IssueOptions = OcapUrlLimits & { once?: boolean };

export type OcapUrlsPowers = {
  loop: EventLoop;
  identities: Identities;
  read: (outcome: Outcome) => unknown;
  /** Addresses at which this kernel may be reached: what its URLs carry. */
  hints: () => readonly string[];
  /** Asks the kernel that issued it. */
  redeemAtPeer: (url: OcapUrl, session: EndpointId) => Promise<KRef>;
};

export function makeOcapUrlDesk(powers: OcapUrlsPowers) {
  const { loop, identities, read, hints, redeemAtPeer } = powers;

  const issue = async (kref: KRef, number: string, given: OcapUrlLimits): Promise<string> => {
    if (!isKRef(kref)) {
      throw new TypeError(`an ocap URL is issued for a kref like "ko4"; found ${describe(kref)}`);
    }
    const { peerId } = await identities.provide();
    read(await loop.request({ type: 'issue-url', number, kref, limits: given }));
    return formatOcapUrl({ number, peerId, hints: [...hints()] });
  };

  return {
    issue: (kref: KRef, options: IssueOptions = {}): Promise<string> =>
      issue(kref, randomNumber(), checkIssueOptions(options)),

    async issueNamed(name: string, kref: KRef): Promise<string> {
      if (typeof name !== 'string' || name === '' || name.length > limits.configNameCharsMax) {
        throw new TypeError(
          `an ocap URL's name is text of 1 to ${limits.configNameCharsMax} characters; found ${describe(name)}`,
        );
      }
      const { numberOf } = await identities.provide();
      return issue(kref, numberOf(name), {});
    },

    async redeem(url: string, session: EndpointId): Promise<KRef> {
      const parsed = parseOcapUrl(url);
      if (parsed.peerId !== identities.peerId()) return redeemAtPeer(parsed, session);
      return read(
        await loop.request({ type: 'redeem-url', session, number: parsed.number }),
      ) as KRef;
    },

    async revoke(url: string): Promise<boolean> {
      const { peerId, number } = parseOcapUrl(url);
      if (peerId !== identities.peerId()) {
        throw new KernelError(
          'NOT_FOUND',
          'ocapURL from a host that’s not me: the kernel that issued it can revoke it',
        );
      }
      return read(await loop.request({ type: 'revoke-url', number })) as boolean;
    },
  };
}

const issueOptionNames = ['uses', 'expiresInMs', 'once'];

function checkIssueOptions(options: IssueOptions): OcapUrlLimits {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options of an ocap URL are a record; found ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (issueOptionNames.includes(name)) continue;
    throw new TypeError(
      `an ocap URL has no option ${JSON.stringify(name)}; it has ${issueOptionNames.join(', ')}`,
    );
  }
  const { once = false, uses = once ? 1 : undefined, expiresInMs } = options;
  for (const [name, value] of Object.entries({ uses, expiresInMs })) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue;
    throw new RangeError(`${name} takes a whole number from 1; found ${String(value)}`);
  }
  return { ...(uses !== undefined && { uses }), ...(expiresInMs !== undefined && { expiresInMs }) };
}

export type OcapUrlDesk = ReturnType<typeof makeOcapUrlDesk>;
