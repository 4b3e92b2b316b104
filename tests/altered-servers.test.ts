// Peers with something wrong in their frames, against nodes that speak noise, TLS, JSON-RPC, and sub-protocols.
import { describe, expect, it } from '@jest/globals';
import { json, lines } from '@pea2pea/codecs';
import { PeerNode, type Codec, type Connection } from '@pea2pea/core';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { method, requests } from '@pea2pea/rpc';
import { protocol, protocols, withProtocols } from '@pea2pea/streams';
import {
  alter,
  alterationsFor,
  assertConsistent,
  FRAME_ALTERATIONS,
  framingOf,
  lengthPrefixed,
  simulate,
  SUB_PROTOCOLS,
  type Framing,
  type SimHost,
  type World,
} from '@pea2pea/testing';
import { authority } from '@pea2pea/testing/certificates';
import { tls } from '@pea2pea/tls';

type Name = (typeof FRAME_ALTERATIONS)[number];
type Node = PeerNode<unknown>;
type Say = (connection: Connection<unknown>, word: string) => unknown;

/** What is spoken with a server that echoes. */
interface Speech {
  readonly framing: Framing;
  readonly codec: Codec<unknown>;
  /** Has `node` serve, and returns how it says something as a client; `heard` is told of each echo. */
  equip(node: Node, heard: (word: string) => void): Say;
}

const PORT = 4000;
const trusted = await authority();
const certificate = await trusted.issue({ names: ['10.0.0.1'] });
const textLines: Codec<unknown> = lines();

/** Of messages that go both ways: what is asked is echoed, once. */
const echoing =
  (send: Say, heard: (word: string) => void) =>
  (message: unknown, connection: Connection<unknown>): void => {
    const word = String(message);
    if (word.startsWith('ask ')) send(connection, word.slice(4));
    else heard(word);
  };

function overLines(node: Node, heard: (word: string) => void): Say {
  const say: Say = (connection, word) => connection.trySend(word);
  node.use({ onMessage: echoing(say, heard) });
  return (connection, word) => say(connection, `ask ${word}`);
}

/** Messages of sub-protocols, after a hello, which is JSON in a frame of another kind. */
const AFTER_HELLO: Framing = {
  ...SUB_PROTOCOLS,
  first: (bytes) => (bytes[4] === 0x7b ? lengthPrefixed(4) : SUB_PROTOCOLS).first(bytes),
};

const SPEECHES: Readonly<Record<string, Speech>> = {
  noise: {
    framing: framingOf('u16be'),
    codec: textLines,
    equip(node, heard) {
      const pattern = 'Noise_XX_25519_ChaChaPoly_SHA256';
      node.use(noise({ pattern, staticKey: generateKeyPair(), authorize: () => true }));
      return overLines(node, heard);
    },
  },
  TLS: {
    framing: framingOf('tls'),
    codec: textLines,
    equip(node, heard) {
      node.use(tls({ ...certificate, ca: trusted.ca }));
      return overLines(node, heard);
    },
  },
  rpc: {
    framing: framingOf('lines'),
    codec: json(lines()),
    equip(node, heard) {
      node.use(requests({ timeoutMs: 5_000 }));
      const echo = method<{ word: string }, string>('echo');
      const plugin = node.plugin(requests);
      plugin.serve(echo, ({ word }) => word);
      return (connection, word) =>
        plugin
          .client(connection, { echo })
          .echo({ word })
          .then(heard, () => {});
    },
  },
  'sub-protocols': {
    framing: AFTER_HELLO,
    codec: withProtocols(lines()),
    equip(node, heard) {
      node.use(protocols());
      const say: Say = (connection, word) => channel.trySend(connection, word);
      const onMessage = echoing(say, heard);
      const channel = protocol<string>(node, { name: 'echo', versions: [1], codec: lines(), onMessage });
      node.use({ onMessage() {} });
      return (connection, word) => say(connection, `ask ${word}`);
    },
  },
};

class Party {
  readonly node: Node;
  readonly heard: string[] = [];
  readonly #say: Say;
  readonly #clock: SimHost['config']['clock'];

  constructor(host: SimHost, { codec, framing, equip }: Speech, name?: Name) {
    const config = { codec, ...host.config, idleTimeoutMs: 20_000 };
    this.node = new PeerNode(name === undefined ? config : alter(name, config, 1, framing));
    this.#say = equip(this.node, (word) => void this.heard.push(word));
    this.#clock = host.config.clock;
  }

  /** Says words, one after the other. */
  talk(connection: Connection<unknown>, words: readonly string[]): void {
    const [first, ...others] = words;
    if (first === undefined || connection.state !== 'open') return;
    this.#say(connection, first);
    this.#clock.setTimeout(() => this.talk(connection, others), 200);
  }
}

const WORDS = Array.from({ length: 250 }, (_, index) => `word ${index}`);

/** Lets time pass, and turns of the event loop of this process with it: TLS calls back in those. */
async function pass(world: World, durationMs: number): Promise<void> {
  for (let left = durationMs; left > 0; left -= 50) {
    await world.run(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** How the connection of each ended at the server: a code, or a reason where there is no error; undefined where nothing was wrong enough. */
const ENDS: Readonly<Record<string, Readonly<Partial<Record<Name, string | undefined>>>>> = {
  noise: {
    'announces-most': 'P2P_ERR_FRAME_TOO_LARGE',
    'announces-more': 'P2P_ERR_HANDSHAKE_ENDED',
    'stops-in-head': 'P2P_ERR_HANDSHAKE_TIMEOUT',
    'fills-slowly': 'P2P_ERR_FRAME_TOO_LARGE',
    'floods-empty': 'P2P_ERR_INVALID_FRAME',
    'asks-unread': 'P2P_ERR_INVALID_FRAME',
    empties: 'P2P_ERR_INVALID_FRAME',
    halves: 'P2P_ERR_INVALID_FRAME',
    'lies-first': 'P2P_ERR_HANDSHAKE_ENDED',
    'zeroes-first': 'P2P_ERR_INVALID_FRAME',
    forges: 'P2P_ERR_INVALID_FRAME',
    'repeats-frames': 'P2P_ERR_INVALID_FRAME',
    'swaps-frames': 'P2P_ERR_HANDSHAKE_ENDED',
    'skips-frames': 'P2P_ERR_INVALID_FRAME',
    'begins-again': 'P2P_ERR_INVALID_FRAME',
  },
  TLS: {
    'announces-most': 'P2P_ERR_HANDSHAKE_REJECTED',
    'announces-more': 'P2P_ERR_HANDSHAKE_ENDED',
    'stops-in-head': 'P2P_ERR_HANDSHAKE_TIMEOUT',
    'fills-slowly': 'P2P_ERR_HANDSHAKE_REJECTED',
    'floods-empty': 'P2P_ERR_HANDSHAKE_REJECTED',
    'asks-unread': 'P2P_ERR_HANDSHAKE_REJECTED',
    empties: 'P2P_ERR_HANDSHAKE_ENDED',
    halves: 'P2P_ERR_HANDSHAKE_ENDED',
    'lies-first': 'P2P_ERR_HANDSHAKE_REJECTED',
    'zeroes-first': 'P2P_ERR_HANDSHAKE_REJECTED',
    forges: 'P2P_ERR_HANDSHAKE_REJECTED',
    'repeats-frames': 'P2P_ERR_HANDSHAKE_REJECTED',
    'swaps-frames': 'P2P_ERR_HANDSHAKE_ENDED',
    'skips-frames': 'P2P_ERR_INVALID_FRAME',
    'begins-again': 'P2P_ERR_HANDSHAKE_REJECTED',
  },
  rpc: {
    'stops-in-head': 'reading: idle-timeout',
    'fills-slowly': 'reading: idle-timeout',
    'floods-empty': 'P2P_ERR_INVALID_FRAME',
    'asks-unread': 'P2P_ERR_WRITE_TIMEOUT',
    empties: 'P2P_ERR_INVALID_FRAME',
    halves: 'P2P_ERR_INVALID_FRAME',
    'lies-first': 'P2P_ERR_INVALID_FRAME',
    'zeroes-first': 'P2P_ERR_INVALID_FRAME',
    forges: 'P2P_ERR_INVALID_FRAME',
    'repeats-frames': undefined,
    'swaps-frames': undefined,
    'skips-frames': undefined,
    'begins-again': undefined,
  },
  'sub-protocols': {
    'announces-most': 'P2P_ERR_PROTOCOL_MISMATCH',
    'announces-more': 'P2P_ERR_PROTOCOL_MISMATCH',
    'stops-in-head': 'P2P_ERR_HANDSHAKE_TIMEOUT',
    'fills-slowly': 'P2P_ERR_HANDSHAKE_TIMEOUT',
    'floods-empty': 'P2P_ERR_PROTOCOL_MISMATCH',
    'asks-unread': 'P2P_ERR_INVALID_FRAME',
    empties: 'P2P_ERR_PROTOCOL_MISMATCH',
    halves: 'P2P_ERR_PROTOCOL_MISMATCH',
    'lies-first': 'P2P_ERR_PROTOCOL_MISMATCH',
    'zeroes-first': 'P2P_ERR_PROTOCOL_MISMATCH',
    forges: 'P2P_ERR_INVALID_FRAME',
    'repeats-frames': 'P2P_ERR_TRUNCATED_FRAME',
    'swaps-frames': 'P2P_ERR_PROTOCOL_MISMATCH',
    'skips-frames': undefined,
    'begins-again': 'P2P_ERR_TRUNCATED_FRAME',
  },
};

/** What the server wrote down about its peers, beside that they came and went in order. */
const said = ({ log }: SimHost): readonly Fields[] =>
  log.filter(({ level }) => level === 'warn' || level === 'error').map(({ fields }) => fields as Fields);

interface Fields {
  readonly peer?: string;
  readonly code?: string;
  readonly reason?: string;
}

describe.each(Object.entries(SPEECHES))(
  'of a server that speaks %s, only its own connection ends',
  (title, speech) => {
    const possible: readonly string[] = alterationsFor(speech.framing);
    const names = FRAME_ALTERATIONS.filter((name) => possible.includes(name));

    it.each(names)('with a reason and one line, where a peer %s', async (name) => {
      const world = simulate({ seed: 1, latencyMs: 1, hashBytes: false });
      const [at, honestAt, alteredAt] = [1, 2, 3].map((index) => world.host(`10.0.0.${index}`)) as [
        SimHost,
        SimHost,
        SimHost,
      ];
      const server = new Party(at, speech);
      const honest = new Party(honestAt, speech);
      const altered = new Party(alteredAt, speech, name);
      await world.drive(server.node.listen({ host: '0.0.0.0', port: PORT }));
      const served = await world.drive(honest.node.connect(`10.0.0.1:${PORT}`));
      const dialling = altered.node.connect(`10.0.0.1:${PORT}`);
      dialling.then(
        (connection) => altered.talk(connection, WORDS),
        () => {},
      );
      honest.talk(served, WORDS);
      await pass(world, 60_000);
      expect(honest.heard).toEqual(WORDS);
      const [end, ...others] = said(at);
      expect([end?.code ?? end?.reason, others]).toEqual([ENDS[title]![name], []]);
      if (end !== undefined) expect(end.peer).toMatch(/^10\.0\.0\.3:/);
      await world.drive(Promise.all([server, honest, altered].map(({ node }) => node.close())));
      assertConsistent(server.node);
      await world.run('2 min');
      expect([at.clock.pending, world.connections]).toEqual([0, 0]);
    });
  },
);
