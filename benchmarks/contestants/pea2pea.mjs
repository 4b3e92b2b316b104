// Ours, as anybody would use it: a node a sender, `trySend` until the queue is full, `drained` until it is not.
import { lengthDelimited } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';

// A contestant waits while the others have their turn. What counts messages needs no memory of its own for them, as the bare socket
// has none: with it, whether the heap is large enough for V8 to collect it all the time decides more than what is compared.
const config = { codec: lengthDelimited({ borrowed: true }), idleTimeoutMs: 0 };

export const { listen, connect } = contestantWith(() => {});

/** The contestant whose nodes `prepare` is called with, before they listen or dial. */
export function contestantWith(prepare) {
  return {
    async listen(count, connections) {
      const limits = {
        maxConnections: connections,
        maxInbound: connections,
        maxConnectionsPerIp: connections,
      };
      const node = new PeerNode({ ...config, ...limits });
      node.use({
        onMessage(message) {
          count(message);
        },
      });
      await prepare(node);
      const { port } = await node.listen({ host: '127.0.0.1', port: 0 });
      return port;
    },

    async connect(port) {
      const node = new PeerNode(config);
      await prepare(node);
      const connection = await node.connect({ host: '127.0.0.1', port });
      return async (payload, messages) => {
        for (let left = messages; left > 0;) {
          if (connection.trySend(payload)) left--;
          else await connection.drained();
        }
      };
    },
  };
}
