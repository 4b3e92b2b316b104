// Ends of connections of ours. Answers what it is sent.
import { lengthDelimited } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import { silentLogger } from '../harness/silent-logger.mjs';

const HOST = '127.0.0.1';

/** The limits are for strangers; with the idle timeout there is the bookkeeping for it, but nobody is idle for so long. */
const config = {
  codec: lengthDelimited(),
  maxConnections: 20_000,
  maxConnectionsPerIp: 20_000,
  idleTimeoutMs: 600_000,
  listenBacklog: 2048, // a dial that finds it full tries again after a second
  logger: silentLogger,
};

const answering = {
  onMessage(message, connection) {
    connection.trySend(message);
  },
};

export const listen = listenWith(() => {});

/** The same, for a node that `prepare` was called with before it listens. */
export function listenWith(prepare) {
  return async (onOpen, onEnd) => {
    const node = new PeerNode(config).use({ ...answering, onConnect: onOpen, onDisconnect: onEnd });
    await prepare(node);
    const { port } = await node.listen({ host: HOST, port: 0 });
    return port;
  };
}

/** One node dials them all. */
let dialling;

export async function dial(port) {
  dialling ??= new PeerNode(config).use(answering);
  await dialling.connect({ host: HOST, port });
}

/** With the limits as they are for everybody. */
export async function startNode() {
  const node = new PeerNode({ codec: config.codec }).use(answering);
  await node.listen({ host: HOST, port: 0 });
  return () => node.close();
}

/** A node has one connection with an address at a time: connections at once are of several nodes. */
export function lane(port) {
  const node = new PeerNode(config);
  return async () => {
    const connection = await node.connect({ host: HOST, port });
    await connection.disconnect();
  };
}
