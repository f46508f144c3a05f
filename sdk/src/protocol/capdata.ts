/** A passable value on a wire: its smallcaps text and the references that the text numbers. */
export type CapData<Slot extends string = string> = {
  /** `#` and smallcaps JSON: `#["hello","$0.Alleged: counter"]`. */
  body: string;
  /** What `$0`, `&0`, … in the body stand for, in order. */
  slots: Slot[];
};

/** Exactly one object reference, in smallcaps: `#"$0.Alleged: counter"`. */
const singleObjectForm = /^#"\$0(?:\.|"$)/;
/** Exactly one promise, in smallcaps: `#"&0"`. */
const singlePromiseForm = /^#"&0"$/;

/** What a promise was resolved to, as far as the kernel must know: one reference, or data that it leaves unread. */
export function resolutionKind(value: CapData): 'object' | 'promise' | 'data' {
  if (value.slots.length !== 1) return 'data';
  if (singleObjectForm.test(value.body)) return 'object';
  if (singlePromiseForm.test(value.body)) return 'promise';
  return 'data';
}

/** A smallcaps error without a trip through the codec, for errors that the kernel makes. */
export const errorCapData = (message: string, name = 'Error'): CapData => ({
  body: `#${JSON.stringify({ '#error': message, name })}`,
  slots: [],
});

export const undefinedCapData: CapData = { body: '#"#undefined"', slots: [] };
