// Ours with plugins, as `createPeer` puts them in; otherwise what `pea2pea.mjs` is.
import { lengthDelimited } from '@pea2pea/codecs';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';

// A contestant waits while the others have their turn.
const config = { codec: lengthDelimited(), idleTimeoutMs: 0 };

/** The contestant whose peers have the plugins that `pluginsOf` answers, for `'listener'` and for `'dialler'`. */
export function contestantWith(pluginsOf) {
  return {
    async listen(count, connections) {
      class Receiver {
        onMessage(message) {
          count(message);
        }
      }
      // As `experimentalDecorators` does: this file is plain JavaScript.
      const method = Object.getOwnPropertyDescriptor(Receiver.prototype, 'onMessage');
      OnMessage()(Receiver.prototype, 'onMessage', method);
      Peer({})(Receiver);
      const { address } = await createPeer(Receiver, {
        plugins: pluginsOf('listener'),
        config: {
          ...config,
          maxConnections: connections,
          maxInbound: connections,
          maxConnectionsPerIp: connections,
          listen: { host: '127.0.0.1', port: 0 },
        },
      });
      return address.port;
    },

    async connect(port) {
      class Sender {}
      Peer({})(Sender);
      const { node } = await createPeer(Sender, { plugins: pluginsOf('dialler'), config });
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
