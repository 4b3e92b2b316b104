import { fileURLToPath } from 'node:url';
import { findWords } from './words.mjs';

const found = findWords(fileURLToPath(new URL('..', import.meta.url)));
for (const use of found) console.error(use);
if (found.length > 0) process.exit(1);
console.log('words: errors, comments and docs say it plainly');
