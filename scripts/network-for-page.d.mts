export function startNetwork(): Promise<{ relays: string[]; echo: string }>;
export function startPeer(relays: string[]): Promise<string>;
export function stopNetwork(): Promise<void>;
