/**
 * Asks the browser not to delete this origin's files when space runs short. Browsers decide by themselves or ask the user,
 * so it is best called when the user has just done what is worth keeping. Only pages can ask.
 *
 * @returns whether they are kept; false where the browser knows no such thing.
 */
export async function persistStorage(): Promise<boolean> {
  // Absent in insecure contexts and outside of browsers.
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage as
    Partial<StorageManager> | undefined;
  return (await storage?.persist?.()) ?? false;
}
