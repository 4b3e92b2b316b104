/**
 * The peer protocol of BitTorrent (BEP 3, https://www.bittorrent.org/beps/bep_0003.html): a peer that has a file, or wants it,
 * and exchanges it with others. Shows a protocol in which both sides are the same; what a connection knows, in a session;
 * and many requests under way at once.
 *
 *   npm run example protocols/bittorrent -- 6881 file.torrent file     seeds, where there is such a file, and leaves a torrent
 *   npm run example protocols/bittorrent -- 6882 file.torrent copy 127.0.0.1:6881     downloads
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Handshake } from '@pea2pea/core';
import { createPeer, OnHandshake, Peer } from '@pea2pea/decorators';
import { ContainerModule } from 'inversify';
import { Exchange, Swarm } from './exchange.js';
import { makeTorrent, Pieces, torrentOf } from './torrent.js';
import { greet, wire } from './wire.js';

/** BEP 20: who made the program, then whatever tells peers apart. */
const PEER_ID = Buffer.concat([Buffer.from('-P20001-'), randomBytes(12)]);

// Peers send something every two minutes.
@Peer({ codec: wire, inject: [Swarm], sessions: [Exchange], maxConnections: 50, idleTimeoutMs: 150_000 })
class BitTorrent {
  readonly #pieces: Pieces;

  constructor({ pieces }: Swarm) {
    this.#pieces = pieces;
  }

  @OnHandshake()
  greet(handshake: Handshake): Promise<void> {
    return greet(handshake, this.#pieces.torrent.hash, PEER_ID);
  }
}

const [port = '6881', torrentFile, file, ...peers] = process.argv.slice(2);
if (torrentFile === undefined || file === undefined)
  throw new Error('usage: bittorrent <port> <file.torrent> <file> [peer ...]');
const torrent = await readFile(torrentFile).catch(async () => {
  const made = makeTorrent(basename(file), await readFile(file), 'http://127.0.0.1:6969/announce');
  await writeFile(torrentFile, made);
  return made;
});
const pieces = await Pieces.open(torrentOf(torrent), file);
const peer = await createPeer(BitTorrent, {
  bindings: new ContainerModule(({ bind }) => void bind(Swarm).toConstantValue(new Swarm(pieces))),
  listen: { host: '127.0.0.1', port: Number(port) },
});
peer.closeOn('SIGINT', 'SIGTERM');
console.log(`bittorrent at ${peer.address}, pieces: ${pieces.have.size} of ${pieces.torrent.pieces.length}`);
for (const address of peers) {
  await peer.node.connect(address).catch((error: Error) => console.error(`${address}: ${error.message}`));
}
await peer.closed;
await pieces.close();
