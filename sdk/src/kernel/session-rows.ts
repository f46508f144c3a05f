/** What the store keeps of a client session, in the kernel's own names. The host words it for the wire. */
import type { CapData } from '../protocol/capdata.js';
import type { EndpointId, KRef, VatId, VRef } from '../protocol/refs.js';
import type { HostOp, ObjectName, WireResolution } from '../protocol/session-wire.js';
import type { VatStack } from './events.js';
import type { KernelRows } from './rows.js';

export type SessionRow = {
  /** Of the secret by which a client proves that the session is its own. */
  secretHash: string;
  /** It may set read marks, and call its admin object. */
  privileged: boolean;
  /** It ends with this one. */
  parent?: EndpointId;
  /** A client is there to be told. */
  attached: boolean;
  /** The client's last frame that was applied. */
  received: number;
  /** The last frame that was made for the client, and the last that it has. */
  sent: number;
  acked: number;
  /** What the client exported with numbers below this is closed. */
  closedBelow: number;
};

/** A settlement, with the stack as the vat saw it and the vats that a read touched under their own names. */
export type SessionResolution = WireResolution & {
  stack?: VatStack;
  touched?: { [vatId: VatId]: number };
};

export type SessionOp =
  Exclude<HostOp, { op: 'settle' }> | { op: 'settle'; resolutions: SessionResolution[] };

/** Instead of a stable id the kref that it is made of; of an object of the host realm, the realm's name for it. */
export type SessionName = Omit<ObjectName, 'id'> & { kref: KRef; host?: VRef };

export type FrameRow = {
  ops: SessionOp[];
  names: SessionName[];
  /** The client's acknowledgement when the frame was made. */
  acked: number;
  /** Promises whose names are dead when the client has this frame. */
  retire?: KRef[];
  /** UTF-16 code units of its bodies. */
  chars: number;
};

export type SessionFrame = Omit<FrameRow, 'retire' | 'chars'> & { seq: number };

/** References as a value: `["$0","$1"]`. */
export const listOf = (krefs: readonly KRef[]): CapData<KRef> => ({
  body: `#${JSON.stringify(krefs.map((_, index) => `$${index}`))}`,
  slots: [...krefs],
});

export function changeSession(
  { sessions }: KernelRows,
  session: EndpointId,
  changed: Partial<SessionRow>,
): void {
  sessions.set(session, { ...sessions.getRequired(session), ...changed });
}

/** Counts mentions of an object of the host's, or of the client's own. */
export function countMentions(
  { clistByKRef }: KernelRows,
  session: EndpointId,
  kref: KRef,
  mentions: number,
): void {
  const key = `${session}.${kref}`;
  const row = clistByKRef.getRequired(key);
  clistByKRef.set(key, { ...row, mentions: (row.mentions ?? 0) + mentions });
}
