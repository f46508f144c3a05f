/**
 * Stack traces of vat code: only the frames of the vat's own script are kept.
 *
 * They name `vat:v1:LINE:COLUMN` of the bundle's code, or `vat:v1/path/of/module.js:LINE:COLUMN` where a bundle
 * consists of several scripts (`nestedEvaluate`). The frames between them are the runtime's and Endo's; they
 * would tell a vat where on the host's disk its worker lies, and tell a developer nothing.
 */
const scriptPrefix = 'vat:';

/** The name under which a vat's script is evaluated. */
export const scriptName = (vatId: string): string => `${scriptPrefix}${vatId}`;

const isVatFrame = (frame: string): boolean => /(?:^|[\s(@])vat:v\d+(?:\/[^:]*)?:\d+/.test(frame);

/** Of errors that the runtime itself wants to report whole. */
const wholeStacks = new WeakMap<Error, string>();

const maxFrames = 30;
const maxCauses = 8;

type V8Error = {
  prepareStackTrace?: (error: Error, callSites: unknown[]) => string;
  stackTraceLimit?: number;
};

/** Makes `err.stack` hold no frames but the vat's. V8 only; elsewhere {@link stackText} filters the text. */
export function hideRuntimeFrames(errorConstructor: V8Error): void {
  // Endo puts several frames between any two of the vat's, so that the engine's ten would leave two or three.
  errorConstructor.stackTraceLimit = maxFrames * 2;
  errorConstructor.prepareStackTrace = (error, callSites) => {
    const frames: string[] = [];
    const all: string[] = [];
    for (const site of callSites) {
      const text = String(site);
      all.push(text);
      if (frames.length < maxFrames && isVatFrame(text)) frames.push(text);
    }
    const head = headOf(error);
    wholeStacks.set(error, formatStack(head, all));
    return formatStack(head, frames);
  };
}

const formatStack = (head: string, frames: string[]): string =>
  [head, ...frames.map((frame) => `    at ${frame}`)].join('\n');

/** `name: message`, whatever the error's accessors do. */
function headOf(error: unknown): string {
  try {
    const { name, message } = error as Error;
    return message === '' ? `${name}` : `${name}: ${message}`;
  } catch {
    return 'Error';
  }
}

function ownFrames(error: Error): string {
  let { stack } = error as { stack?: unknown };
  if (typeof stack !== 'string') stack = '';
  const frames = (stack as string).split('\n').filter(isVatFrame);
  return [headOf(error), ...frames.slice(0, maxFrames)].join('\n');
}

/** An error's stack and those of its causes, vat frames only; `undefined` for what is not an error. Never throws. */
export function stackText(reason: unknown): string | undefined {
  const parts: string[] = [];
  try {
    let error: unknown = reason;
    while (error instanceof Error && parts.length < maxCauses) {
      parts.push(parts.length === 0 ? ownFrames(error) : `Caused by: ${ownFrames(error)}`);
      error = (error as { cause?: unknown }).cause;
    }
  } catch {
    // A getter or a proxy of the vat's threw: what was gathered so far is the answer.
  }
  return parts.length === 0 ? undefined : parts.join('\n');
}

/** The whole stack of an error, the runtime's frames included. For the host's log. */
export function wholeStack(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  try {
    const { stack } = error;
    return wholeStacks.get(error) ?? stack;
  } catch {
    return undefined;
  }
}
