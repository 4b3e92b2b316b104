import jayson from 'jayson5';
import { jaysonEnds } from './jayson.mjs';

export const { listen, dial } = jaysonEnds(jayson);
