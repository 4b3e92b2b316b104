/** What every handshake must do in which both sides speak. A handshake that fails is told which of these does not hold. */
export const HANDSHAKE_FACTS = {
  succeeds: 'two that belong together have a connection, and messages pass in both directions',
  'any-split': 'so they have however their bytes are cut and joined',
  drip: 'so they have where one sends one byte at a time',
  silence: 'a peer that says nothing is given up in time, and its slot is released',
  ended: 'a peer that ends inside it is given up at once',
  reset: 'a peer that resets inside it is given up at once',
  noise: 'a peer that sends noise gets no connection',
  'peer-errors': 'throws nothing but a PeerError, whatever bytes come',
} as const;

/** The name of a fact in {@link HANDSHAKE_FACTS}. */
export type HandshakeFact = keyof typeof HANDSHAKE_FACTS;
