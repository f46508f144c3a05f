export const chromiumArguments: string[];
export function findChromium(): string | undefined;
export function installChromium(say: (text: string) => void): void;
