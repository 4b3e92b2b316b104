import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** Every error code that this package adds to those of the kernel, with when it occurs and what to do. */
export const NETWORK_ERRORS = {
  P2P_ERR_STORE_FILE: {
    when: 'the file of `fileStore` cannot be read or written, or is too long',
    remedy: 'mend what `cause` names: the folder must be there, and be writable',
    isOwnFault: true,
  },
  P2P_ERR_NO_MULTIADDR: {
    when: '`toMultiaddr()` was called for a path, or for an identity that is not a libp2p peer id: the keys of `noise` have none',
    remedy: 'write the address with `toString()`, or without the identity: `address.anyone.toMultiaddr()`',
    isOwnFault: true,
  },
  P2P_ERR_NO_RECORDS: {
    when: 'a source of the discovery plugin asked DNS for a name, and had no address in reply',
    remedy: 'look at `cause`; check the name, and whether this machine can ask its name servers',
  },
  P2P_ERR_NO_SLOT: {
    when: 'the connectionManager plugin ended an inbound connection: more peers have dialled in than it has slots for',
    remedy: 'connect with other peers, and with this one again later; or raise `inbound` there',
  },
  P2P_ERR_LOW_SCORE: {
    when: 'the connectionManager plugin ended a connection: `adjust` took its score below `minScore`',
    remedy: 'look in the log of that node for what its peer did; or lower `minScore` there',
  },
  P2P_ERR_PEER_DEAD: {
    when: 'the liveness plugin ended a connection: the peer sent not a byte for `timeoutMs` after a ping',
    remedy: 'connect again; if the peer is alive, raise `timeoutMs`',
  },
  P2P_ERR_BAD_PINGS: {
    when: 'the liveness plugin ended a connection: the peer sent a pong that nobody had asked for, or more than 20 pings a second',
    remedy: 'look at the software of that peer: no version of the plugin does either',
  },
  P2P_ERR_NO_PING: {
    when: '`ping()` of the liveness plugin could not send one: the peer does not run the plugin, or the queue of the connection is full',
    remedy: 'list `liveness()` on both sides; or try again once the connection has drained',
  },
  P2P_ERR_NOT_RUNNING: {
    when: 'the kademlia plugin was asked for something before its node had started',
    remedy: 'await `listen` or `start` of the node first',
    isOwnFault: true,
  },
  P2P_ERR_NO_CONTACTS: {
    when: 'a look-up of kademlia reached no node',
    remedy: 'give it `seeds` that are there, and await `join()`; look at `report.dialFailures`',
  },
  P2P_ERR_UNREACHABLE: {
    when: 'a node that a query of kademlia was for was not reached in time, or does not speak the protocol',
    remedy: 'nothing: another node is asked in its place',
  },
  P2P_ERR_INVALID_VALUE: {
    when: 'a value for kademlia is too long, over, not signed by its key, or refused by `accepts`',
    remedy: 'put what `signValue` returned, or bytes, within `maxValueBytes`',
    isOwnFault: true,
  },
  P2P_ERR_NOT_STORED: {
    when: 'no node took what kademlia was to put or to provide',
    remedy:
      'look at `report.refused` of those nodes: they may have a newer value, or be full; one that provides has to listen',
  },
  P2P_ERR_TOO_MUCH_PUBLISHED: {
    when: 'the kademlia plugin stores as much again and again as `maxPublished` allows',
    remedy: 'raise `maxPublished`, or `withdraw` keys',
    isOwnFault: true,
  },
  P2P_ERR_TOPIC_TAKEN: {
    when: '`topic()` of the gossip plugin was called twice with the same name',
    remedy: 'keep what the first call returned, and use it everywhere',
    isOwnFault: true,
  },
  P2P_ERR_GOSSIP_ABUSE: {
    when: 'the gossip plugin ended a connection: the score of the peer fell to `minScore`',
    remedy:
      'look in the log of that node for the last fault; if its peers are honest, check that all have the same codecs, `validate` and `signer`',
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof NETWORK_ERRORS, unknown> {}
}

export const networkError = defineErrors('@pea2pea/network', NETWORK_ERRORS);
