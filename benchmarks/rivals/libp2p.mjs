// js-libp2p over TCP with yamux: one stream a connection, messages with their length in front, as its documents have it.
import * as lengthPrefixed from 'it-length-prefixed';
import { createLibp2p } from 'libp2p';
import { multiaddr } from '@multiformats/multiaddr';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@chainsafe/libp2p-yamux';

const PROTOCOL = '/benchmark/1.0.0';
/** A contestant waits while the others have their turn. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** The contestant with that encrypter of connections. */
export function contestantWith(encrypter) {
  const nodeWith = (more) =>
    createLibp2p({
      transports: [tcp({ socketInactivityTimeout: NO_TIMEOUT_MS })],
      connectionEncrypters: [encrypter],
      streamMuxers: [yamux({ streamOptions: { inactivityTimeout: NO_TIMEOUT_MS } })],
      ...more,
    });
  return {
    async listen(count) {
      const node = await nodeWith({ addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] } });
      await node.handle(PROTOCOL, async (stream) => {
        // A message is a list of pieces; of one piece this is a view.
        for await (const message of lengthPrefixed.decode(stream)) count(message.subarray());
      });
      const [address] = node.getMultiaddrs();
      return address.getComponents().find(({ name }) => name === 'tcp').value;
    },

    async connect(port) {
      const node = await nodeWith({});
      const stream = await node.dialProtocol(multiaddr(`/ip4/127.0.0.1/tcp/${port}`), PROTOCOL);
      return async (payload, messages) => {
        for (let left = messages; left > 0; left--) {
          if (!stream.send(lengthPrefixed.encode.single(payload))) await stream.onDrain();
        }
      };
    },
  };
}
