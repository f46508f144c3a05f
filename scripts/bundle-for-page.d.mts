export function bundleOf(context: unknown, name: string): Promise<string>;
