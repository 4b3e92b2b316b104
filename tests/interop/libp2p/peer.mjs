// A real js-libp2p node, for the tests and the example to talk with: TCP, yamux, ping and identify, an echo.
//   node peer.mjs [--plain]      --plain: nobody is encrypted and everybody is who we say, to test what lies above
// It is told what to do on standard input and says what happened on standard output, one JSON object a line.
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { identify } from '@libp2p/identify';
import { peerIdFromString } from '@libp2p/peer-id';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';

const ECHO = '/echo/1.0.0';
/** By default 32 streams of a protocol may come at a time; one more is reset. */
const MANY = { maxInboundStreams: 1_000 };
const isPlain = process.argv.includes('--plain');
/** Of nobody: Ed25519 with a key of 32 zeros, in base 58. */
const NOBODY = '12D3KooW9pNAk8aiBuGVQtWRdbkLmo5qVL3e2h5UxbN2Nz9ttwiw';

/** Secures nothing; multistream-select negotiates it as it does Noise. */
const plain = () => () => {
  const pass = async (connection) => ({ connection, remotePeer: peerIdFromString(NOBODY) });
  return { protocol: '/plain/1.0.0', secureInbound: pass, secureOutbound: pass };
};

const say = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [isPlain ? plain() : noise()],
  streamMuxers: [yamux()],
  services: isPlain ? {} : { ping: ping(), identify: identify() },
  connectionMonitor: { enabled: false },
  // Tests dial more often than five times a second.
  connectionManager: { inboundConnectionThreshold: 1_000 },
});

await node.handle(
  ECHO,
  async (stream) => {
    for await (const chunk of stream) {
      if (!stream.send(chunk)) await stream.onDrain();
    }
    await stream.close();
  },
  MANY,
);
// Reads to the end, and says what it read.
await node.handle('/report/1.0.0', async (stream) => {
  say('report', await read(stream));
  await stream.close();
});
// Reads something, and resets the stream.
await node.handle('/reset/1.0.0', async (stream) => {
  stream.addEventListener('message', () => stream.abort(new Error('the test wants it')), { once: true });
});
/** What peers said of themselves. */
const known = new Map();
async function identified(peerId) {
  while (!known.has(peerId)) await new Promise((resolve) => setTimeout(resolve, 5));
  return known.get(peerId);
}
node.addEventListener('peer:identify', ({ detail: { peerId, agentVersion, protocols, protocolVersion } }) => {
  say('identified', { peerId: String(peerId), agentVersion, protocolVersion, protocols });
  known.set(String(peerId), { agentVersion, protocols });
});
node.addEventListener('connection:open', ({ detail }) => say('open', { peerId: String(detail.remotePeer) }));
node.addEventListener('connection:close', ({ detail }) =>
  say('close', { peerId: String(detail.remotePeer) }),
);

/** Sends `size` bytes on each of `count` streams at once; whether each got its own back. */
async function echo({ address, count, size }) {
  const connection = await node.dial(multiaddr(address));
  const runs = Array.from({ length: count }, async (_, index) => {
    const stream = await connection.newStream(ECHO);
    const sent = Buffer.alloc(size, index + 1);
    const received = (async () => {
      let length = 0;
      for await (const chunk of stream) {
        const bytes = chunk.subarray();
        if (!Buffer.from(bytes).equals(sent.subarray(0, bytes.length)))
          throw new Error('other bytes came back');
        length += bytes.length;
      }
      return length;
    })();
    for (let offset = 0; offset < size; offset += 65_536) {
      if (!stream.send(sent.subarray(offset, offset + 65_536))) await stream.onDrain();
    }
    await stream.close();
    if ((await received) !== size) throw new Error(`${await received} bytes came back, not ${size}`);
  });
  await Promise.all(runs);
}

/** Everything to the end, or to an error. */
async function read(stream) {
  const hash = createHash('sha256');
  let length = 0;
  let how = 'end';
  try {
    for await (const chunk of stream) {
      hash.update(chunk.subarray());
      length += chunk.byteLength;
    }
  } catch (error) {
    how = `${error.name}: ${error.message}`;
  }
  return { length, digest: hash.digest('hex'), how };
}

/** Opens a stream, writes bytes that count on from `seed`, ends it, and reads to the end meanwhile. */
async function exchange({ address, protocol, size, seed }) {
  const stream = await node.dialProtocol(multiaddr(address), protocol);
  const all = read(stream);
  const bytes = Uint8Array.from({ length: size }, (_, index) => (seed + index) % 251);
  for (let offset = 0; offset < size; offset += 65_536) {
    if (!stream.send(bytes.subarray(offset, offset + 65_536))) await stream.onDrain();
  }
  await stream.close();
  return all;
}

const commands = {
  exchange,
  where: () => ({ peerId: String(node.peerId), address: String(node.getMultiaddrs()[0]) }),
  identify: async ({ address }) => {
    const { remotePeer } = await node.dial(multiaddr(address));
    return identified(String(remotePeer));
  },
  echo,
  ping: async ({ address }) => {
    const rttMs = await node.services.ping.ping(multiaddr(address));
    return { rttMs, ms: rttMs };
  },
  dial: async ({ address }) => ({ peerId: String((await node.dial(multiaddr(address))).remotePeer) }),
  hangUp: async () => {
    await Promise.all(node.getConnections().map((connection) => connection.close()));
  },
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, command, ...rest } = JSON.parse(line);
  try {
    say('done', { ...(await commands[command](rest)), id, command });
  } catch (error) {
    say('failed', { id, command, error: `${error.name}: ${error.message}` });
  }
});
process.stdin.on('end', () => process.exit(0));

const [address] = node.getMultiaddrs();
say('ready', { peerId: String(node.peerId), address: String(address) });
