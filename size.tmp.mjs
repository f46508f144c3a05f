import { gzipSync } from 'node:zlib';
import nodeResolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { rollup } from 'rollup';
const opts = { def: { module: true }, client: { module: true, compress: { passes: 2, pure_getters: true, sequences: false, comparisons: false, inline: 2 } } };
async function size(src, o, external=[/^react($|\/)/]) {
const b = await rollup({ input: 'v:entry', external, plugins: [{name:'v',resolveId:(i)=>i==='v:entry'?'/tmp/wt/react/v-entry.mjs':null,load:(i)=>i.endsWith('v-entry.mjs')?src:null}, nodeResolve(), terser(opts[o])], onwarn(){} });
const { output } = await b.generate({ format: 'es' });
return gzipSync(output[0].code,{level:9}).length; }
const app = `import * as c from '@vatkit/sdk'; import * as q from '@tanstack/react-query'; `;
for (const o of ['def','client']) {
 const ext=['@vatkit/sdk','@tanstack/react-query',/^react($|\/)/];
 console.log(o,'alone', await size(`export * from '@vatkit/react'`, o, ext), 'hooks', await size(`export * from '@vatkit/react'`, o, [...ext,'@vatkit/sdk/query']));
 const a = await size(`export * from '@vatkit/sdk'; export * from '@tanstack/react-query';`, o), b = await size(`export * from '@vatkit/sdk'; export * from '@tanstack/react-query'; export * from '@vatkit/react';`, o);
 console.log(o,'marginal', a, b, b-a);
 const c = await size(`export * from '@vatkit/sdk'; export * from '@tanstack/react-query'; export * from '@vatkit/sdk/query';`, o);
 console.log('query', c-a);
}
