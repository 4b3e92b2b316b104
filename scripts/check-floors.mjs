import { fileURLToPath } from 'node:url';
import { findViolations } from './floors.mjs';

const violations = findViolations(fileURLToPath(new URL('..', import.meta.url)));
for (const violation of violations) console.error(violation);
if (violations.length > 0) process.exit(1);
console.log('floors: every import looks down, no circles, no test borrows from another package');
