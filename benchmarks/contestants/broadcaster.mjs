// A node that sends the same JSON message to everybody who is connected: node broadcaster.mjs <bytes> <connections>
//
//   says    listening <port> <bytes of a frame>, then connected when all are
//   hears   broadcast <times>, or loop <times>, and does it so often; each time all was handed to the system before the next
import { setImmediate as turn } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { json, lengthDelimited } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';

const HEAD = 4;
const [size, connections] = process.argv.slice(2).map(Number);

const node = new PeerNode({
  codec: json(lengthDelimited()),
  maxConnections: connections,
  maxInbound: connections,
  maxConnectionsPerIp: connections,
  idleTimeoutMs: 0,
});
node.use({
  onConnect() {
    if (node.connections.size === connections) console.log('connected');
  },
});
const message = messageOf(size);
const { port } = await node.listen({ host: '127.0.0.1', port: 0 });
console.log(`listening ${port} ${HEAD + JSON.stringify(message).length}`);

const ways = {
  /** Encodes once. */
  broadcast() {
    return node.broadcast(message);
  },
  /** Encodes for each. */
  loop() {
    let queued = 0;
    for (const connection of node.connections) if (connection.trySend(message)) queued++;
    return queued;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [way, times] = line.split(' ');
  for (let done = 0; done < Number(times); done++) {
    const queued = ways[way]();
    if (queued !== connections) throw new Error(`queued for ${queued} of ${connections}`);
    while (node.bufferedBytes > 0) await turn();
  }
}
process.exit();

/** What an application may have to tell everybody: a list of small records, filled up to `bytes` of JSON. */
function messageOf(bytes) {
  const state = { type: 'state', players: [], padding: '' };
  const length = () => JSON.stringify(state).length;
  for (let id = 1; ; id++) {
    state.players.push({ id, name: `player ${id}`, x: id * 1.5, y: id / 4, alive: id % 3 > 0 });
    if (length() > bytes) break;
  }
  state.players.pop();
  state.padding = ' '.repeat(bytes - length());
  return state;
}
