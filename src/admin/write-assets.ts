import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assets } from './assets.ts';

/** Writes the page's files as the browser gets them: `node src/admin/write-assets.ts FOLDER`. */
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('expected the folder to write to');
mkdirSync(folder, { recursive: true });
for (const [name, { body }] of assets()) writeFileSync(join(folder, name), body);
