/** The program of the browser's vat worker, as text; rollup.config.mjs makes it of vat/worker-browser.ts. */
declare module 'vatkit:vat-worker' {
  const text: string;
  export default text;
}
