import { describe, expect, it } from '@jest/globals';
import { json, lines } from '@pea2pea/codecs';
import { definePlugin, PeerNode, type Connection } from '@pea2pea/core';
import { method, Requests, type RequestWire } from '@pea2pea/rpc';
import { protocol, protocols, withProtocols } from '@pea2pea/streams';
import { pair, peerErrorOf } from '@pea2pea/testing';

const add = method<readonly [number, number], number>('add');

class Sums {
  static readonly plugin = { name: 'sums', needs: ['protocols'] };
  readonly requests: Requests;
  constructor(node: PeerNode<unknown>) {
    const wire = protocol<unknown>(node, {
      name: 'test/sums',
      versions: [1],
      codec: json(),
      onMessage: (message, connection) => void this.requests.onMessage(message, connection),
    });
    this.requests = new Requests(node, { exclusive: true }, wire);
    this.requests.serve(add, ([a, b]) => a + b);
  }
}
const sums = definePlugin(Sums);

describe('requests over a sub-protocol', () => {
  it('share a connection with the messages of a node, whatever its codec is', async () => {
    const nodes: PeerNode<string>[] = [];
    const heard: string[] = [];
    await using both = await pair((config) => {
      const node = new PeerNode<string>({ codec: withProtocols(lines()), ...config })
        .use(protocols())
        .use(sums())
        .use({ onMessage: (line) => void heard.push(line) });
      nodes.push(node);
      return node;
    });
    const connections = nodes.map((node) => [node.plugin(sums).requests, [...node.connections][0]!] as const);
    for (const [index, [requests, connection]] of connections.entries()) {
      expect(await requests.call(connection as Connection, add, [index, 2])).toBe(index + 2);
    }
    await both.here.send('hello');
    await both.until('the line is heard', () => heard.length === 1);
    expect(heard).toEqual(['hello']);
  });

  it('are refused at once where the peer does not speak it', async () => {
    const nodes: PeerNode<string>[] = [];
    await using both = await pair((config) => {
      const node = new PeerNode<string>({ codec: withProtocols(lines()), ...config }).use(protocols());
      if (nodes.push(node) === 1) node.use(sums());
      return node.use({ onMessage: () => undefined });
    });
    const { requests } = nodes[0]!.plugin(sums);
    const [connection] = nodes[0]!.connections;
    await peerErrorOf('P2P_ERR_UNSUPPORTED', () => requests.call(connection as Connection, add, [1, 2]));
    await peerErrorOf('P2P_ERR_PROTOCOL_ABSENT', () =>
      requests.notify(connection as Connection, add, [1, 2]),
    );
    expect(both.here.state).toBe('open');
  });

  it('need a wire that can send', async () => {
    await using both = await pair({ codec: lines() });
    const wire = {} as RequestWire;
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => new Requests(both.here as never, {}, wire));
  });
});
