/** Several vats, composed. */
import { defineSubcluster, vat } from '@vatkit/sdk/codegen';
import { shop as shopVat } from './shop.vat.gen.js';
import { till } from './till.vat.gen.js';

export const shop = defineSubcluster({
  name: 'shop',
  bootstrap: 'shop',
  vats: {
    shop: vat(shopVat, { parameters: { name: 'Corner shop' }, globals: ['Date'] }),
    till: vat(till, { parameters: { currency: 'EUR' } }),
  },
  services: ['clock'],
});
