import jayson from 'jayson4';
import { jaysonEnds } from './jayson.mjs';

export const { listen, dial } = jaysonEnds(jayson);
