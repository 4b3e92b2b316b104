import { describe, expect, it } from '@jest/globals';
import {
  memoryTransport,
  PeerError,
  PeerNode,
  tcpTransport,
  type Connection,
  type Transport,
} from '@pea2pea/core';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { Container, decorate, injectable, preDestroy } from 'inversify';
import { ANYWHERE, lab, textCodec, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();

@injectable()
class Transcript {
  readonly lines: string[] = [];
  destroyed = 0;

  onDestroy() {
    this.destroyed++;
  }
}
// What @preDestroy() does under legacy decorators, in both modes.
decorate(preDestroy(), Transcript, 'onDestroy');

@Peer({ codec, name: 'echo', listen: ANYWHERE, inject: [Transcript] })
class Echo {
  readonly transcript: Transcript;
  destroyed: string[] = [];

  constructor(transcript: Transcript) {
    this.transcript = transcript;
  }

  @OnMessage(codec)
  echo(message: string, connection: Connection<string>) {
    this.transcript.lines.push(message);
    connection.trySend(message);
  }

  onDestroy() {
    this.destroyed.push('echo');
  }
}
decorate(preDestroy(), Echo, 'onDestroy');

function services(): Container {
  const container = new Container();
  container.bind(Transcript).toSelf().inSingletonScope();
  return container;
}

describe('createPeer', () => {
  it('several peers of one container share its services, and have a node and an instance each', async () => {
    const container = services();
    const transport = memoryTransport();
    await using a = own(await createPeer(Echo, { container, config: { transport } }));
    await using b = own(await createPeer(Echo, { container, config: { transport } }));
    await using node = dialler(transport);
    expect(a.peer).not.toBe(b.peer);
    expect(a.node).not.toBe(b.node);
    expect(a.peer.transcript).toBe(b.peer.transcript);

    for (const { address } of [a, b]) await (await node.connect(address!)).send(`to ${address!.toString()}`);
    await until(() => a.peer.transcript.lines.length === 2);
    expect(container.get(Transcript).lines).toEqual([
      `to ${a.address!.toString()}`,
      `to ${b.address!.toString()}`,
    ]);
    expect(container.isBound(Echo)).toBe(false);
    expect(container.isBound(PeerNode)).toBe(false);
  });

  it('`config` overrides the options of @Peer, one by one', async () => {
    await using handle = own(
      await createPeer(Echo, {
        container: services(),
        config: { transport: memoryTransport(), maxConnections: 7 },
      }),
    );
    expect(handle.node.name).toBe('echo');
    expect(handle.node.config.maxConnections).toBe(7);
    expect(handle.node.config.codec).toBe(codec);
  });

  it('listens at `listen` of the call, else of the configuration, and not at all with false', async () => {
    const container = services();
    const config = { transport: memoryTransport() };
    await using configured = own(await createPeer(Echo, { container, config }));
    await using asked = own(
      await createPeer(Echo, {
        container,
        config,
        listen: { host: '127.0.0.2', port: 4100 },
      }),
    );
    await using silent = own(await createPeer(Echo, { container, config, listen: false }));
    expect(configured.address?.host).toBe('127.0.0.1');
    expect(asked.address?.toString()).toBe('127.0.0.2:4100');
    expect(silent.address).toBeUndefined();
    expect(silent.node.state).toBe('open');
  });

  it('without `listen` anywhere it does not listen', async () => {
    @Peer({ codec })
    class Dialler {}
    await using handle = own(await createPeer(Dialler));
    expect(handle.address).toBeUndefined();
  });

  it('close disposes of the peer after its node, and leaves what the parent made alone', async () => {
    const container = services();
    const handle = own(await createPeer(Echo, { container, config: inMemory() }));
    const { peer, node } = handle;
    peer.onDestroy = () => void peer.destroyed.push(node.state);
    const report = await handle.close();
    expect(report.cut).toEqual([]);
    expect(peer.destroyed).toEqual(['closed']);
    expect(peer.transcript.destroyed).toBe(0);
    expect(container.get(Transcript)).toBe(peer.transcript);
  });

  it('a start that fails at listening leaves no node and no peer behind', async () => {
    const container = services();
    const transport = memoryTransport();
    const listen = { host: '127.0.0.1', port: 4200 };
    await using first = own(await createPeer(Echo, { container, config: { transport }, listen }));
    const made: Echo[] = [];
    container.onActivation(Echo, (_context, echo) => {
      made.push(echo);
      return echo;
    });
    await expect(createPeer(Echo, { container, config: { transport }, listen })).rejects.toMatchObject({
      code: 'P2P_ERR_LISTEN_FAILED',
    });
    expect(made.map(({ destroyed }) => destroyed)).toEqual([['echo']]);
    expect(first.node.state).toBe('open');
  });

  it('a start that fails when the peer is made closes the node that listens already', async () => {
    const transport = memoryTransport();
    const address = { host: '127.0.0.1', port: 4300 };

    @Peer({ codec, inject: [PeerNode] })
    class Eager {
      constructor(node: PeerNode<string>) {
        void node.listen(address);
        throw new Error('and then it fails');
      }
    }
    await expect(createPeer(Eager, { config: { transport } })).rejects.toThrow('and then it fails');
    await expect(isFree(transport, address)).resolves.toBe(true);
  });

  it('works over TCP as well', async () => {
    await using handle = own(await createPeer(Echo, { container: services() }));
    await using node = own(new PeerNode({ codec, transport: tcpTransport() }));
    const connection = await node.connect(handle.address!);
    await connection.send('over the wire');
    await until(() => handle.peer.transcript.lines.length === 1);
    expect(handle.peer.transcript.lines).toEqual(['over the wire']);
  });

  it('an option that makes no sense is refused', async () => {
    const started = createPeer(Echo, { container: services(), config: { maxConnections: 0 } });
    await expect(started).rejects.toBeInstanceOf(PeerError);
    await expect(started).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
  });
});

async function isFree(transport: Transport, address: { host: string; port: number }): Promise<boolean> {
  await using node = own(new PeerNode({ codec, transport }));
  await node.listen(address);
  return node.address !== undefined;
}
