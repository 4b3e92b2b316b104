// node print-rumour.mjs <seed>
import { rumour } from './rumour.mjs';

console.log(await rumour(Number(process.argv[2])));
