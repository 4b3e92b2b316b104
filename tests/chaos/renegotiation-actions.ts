import { connectionOf, type Action } from './actions.js';
import { detach } from './handing-over.js';
import { announce, renegotiate } from './renegotiating.js';

/** What users do with the raw stream of a connection. */
export const RENEGOTIATION_ACTIONS = {
  async renegotiate(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    return connection === undefined ? 'nobody' : renegotiate(world, chaos, connection);
  },

  async announce(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    return connection === undefined ? 'nobody' : announce(world, chaos, connection);
  },

  async detach(world, dice) {
    const [chaos, connection] = connectionOf(world, dice);
    return connection === undefined ? 'nobody' : detach(world, chaos, connection);
  },
} as const satisfies Record<string, Action>;
