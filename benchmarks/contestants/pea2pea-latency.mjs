// Round trips and chains of ours.
import { lengthDelimited } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import { connectNodes } from '@pea2pea/core/topology';

// A contestant waits while the others have their turn.
const config = { codec: lengthDelimited(), idleTimeoutMs: 0 };

export async function listen() {
  const node = new PeerNode(config).use({
    onMessage(message, connection) {
      connection.trySend(message);
    },
  });
  const { port } = await node.listen({ host: '127.0.0.1', port: 0 });
  return port;
}

export async function connect(port) {
  let answered;
  const node = new PeerNode(config).use({
    onMessage() {
      answered();
    },
  });
  const connection = await node.connect({ host: '127.0.0.1', port });
  return (payload, callback) => {
    answered = callback;
    connection.trySend(payload);
  };
}

export async function chain(count) {
  let arrived;
  const next = [];
  const nodes = Array.from({ length: count }, (_, index) =>
    new PeerNode(config).use({
      onMessage(message) {
        if (index === count - 1) arrived();
        else next[index].trySend(message);
      },
    }),
  );
  await connectNodes(nodes, 'line');
  for (const node of nodes)
    next.push([...node.connections].find(({ direction }) => direction === 'outbound'));
  return (payload, callback) => {
    arrived = callback;
    next[0].trySend(payload);
  };
}
