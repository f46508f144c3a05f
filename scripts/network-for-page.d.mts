export function startNetwork(): Promise<{ relays: string[]; echo: string }>;
export function stopNetwork(): Promise<void>;
