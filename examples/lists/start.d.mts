/** Builds Tandem and serves what was built. @param options.port - 0: any that is free. */
export declare function startApp(options?: {
  port?: number;
}): Promise<{ url: string; close: () => Promise<void> }>;
