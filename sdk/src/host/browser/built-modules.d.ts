/** The program of the browser's vat worker, as text; rollup.config.mjs makes it of vat/worker-browser.ts. */
declare module 'vatkit:vat-worker' {
  const text: string;
  export default text;
}

/** SQLite's WebAssembly module, packed for `unpack`; rollup.config.mjs makes it. */
declare module 'vatkit:sqlite-wasm' {
  const packed: string;
  export default packed;
}

/** The browser's libp2p, evaluated when it is loaded; rollup.config.mjs makes it of comms/libp2p/browser.ts. */
declare module 'vatkit:libp2p' {
  const load: () => { startTransport: import('../../comms/transport.js').StartTransport };
  export default load;
}
