/** What every transport must do. A transport that fails is told which of these does not hold. */
export const TRANSPORT_FACTS = {
  port: 'where port 0 is asked for, the listener says which port it has',
  'in-use': 'an address is listened at once only, and can be again when its listener was closed',
  refused: 'a dial where nobody listens is refused with P2P_ERR_CONNECT_FAILED',
  resolve: 'an address stands for one address at least',
  paused: 'links arrive paused, on both sides',
  addresses: 'each side has the address of the other',
  carries: 'bytes arrive complete and in order, in both directions at once',
  backpressure: 'who writes waits for who reads',
  'half-close': 'an end is an end there, while the other direction goes on',
  'last-words': 'what was written before an end arrives before it',
  reset: 'a reset closes here, and is an error there',
  gone: 'when one side is destroyed the other learns of it, and its writes fail',
  'reuses-buffers': 'if it says so, bytes may be overwritten once they are written',
  'never-reenters': 'if it says so, no handler of the peer runs inside a write',
  cancel: 'a dial that is cancelled rejects with the reason',
  drained: 'a listener that was closed takes nobody, and resolves when its links have ended',
} as const;

/** The name of a fact in {@link TRANSPORT_FACTS}. */
export type TransportFact = keyof typeof TRANSPORT_FACTS;
