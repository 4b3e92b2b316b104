// A node with the limits that it has by default: lines, sent back as they came.
import { lines } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';

const logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
const node = new PeerNode({ codec: lines(), logger });
node.use({ onMessage: (line, connection) => void connection.trySend(line) });
console.log(String(await node.listen({ host: '127.0.0.1', port: 0 })));
