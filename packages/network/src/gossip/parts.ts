import type { Connection, PeerNode } from '@pea2pea/core';
import type { Account } from './account.js';
import type { Channel } from './channel.js';
import type { History } from './history.js';
import type { Judge } from './judge.js';
import type { ResolvedGossip } from './options.js';
import type { Outlet } from './outlet.js';
import type { GossipPeer } from './peer.js';
import type { Wanted } from './wanted.js';

/** What the parts of gossip have in common. */
export interface Parts {
  readonly node: PeerNode<unknown>;
  readonly options: ResolvedGossip;
  readonly account: Account;
  readonly judge: Judge;
  readonly outlet: Outlet;
  readonly history: History;
  readonly wanted: Wanted;
  readonly channels: Map<string, Channel>;
  readonly peers: Map<Connection, GossipPeer>;
}
