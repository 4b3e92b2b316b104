import { describe, expect, it } from '@jest/globals';
import {
  definePlugin,
  memoryTransport,
  type Connection,
  type Hooks,
  type PeerNode,
  type AnyConnection,
} from '@pea2pea/core';
import {
  configured,
  createPeer,
  markedBy,
  methodMark,
  OnMessage,
  OnStart,
  OnStop,
  Peer,
  Plugin,
  PluginOptions,
  Session,
} from '@pea2pea/decorators';
import { lab, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();

const codec = textCodec();

interface CensusOptions {
  readonly label?: string;
}

/** Knows of no container. */
class Census implements Hooks<string> {
  static readonly plugin = { name: 'census' };
  readonly calls: string[] = [];
  readonly node: PeerNode<string>;
  readonly label: string;

  constructor(node: PeerNode<string>, { label = 'census' }: CensusOptions = {}) {
    this.node = node;
    this.label = label;
  }
  onStart(): void {
    this.calls.push('start');
  }
  onConnect(): void {
    this.calls.push('connect');
  }
  onMessage(text: string): void {
    this.calls.push(text);
  }
  onStop(): void {
    this.calls.push('stop');
  }
}
const census = definePlugin(Census);

describe('a class of hooks in the plugins of a peer', () => {
  it('is made with the node and its options, and is injected, found and called as decorated ones are', async () => {
    @Peer({ codec, plugins: [census({ label: 'ours' })], inject: [Census] })
    class Host {
      readonly census: Census;
      constructor(injected: Census) {
        this.census = injected;
      }
    }
    const transport = memoryTransport();
    const host = own(await createPeer(Host, { config: inMemory(transport) }));
    await using node = dialler(transport);
    await (await node.connect(host.address!)).send('hello');
    const made = host.get(Census);
    await until(() => made.calls.includes('hello'));
    await host.close();
    expect([made.label, made.node, made.calls]).toEqual([
      'ours',
      host.node,
      ['start', 'connect', 'hello', 'stop'],
    ]);
    expect([host.peer.census, host.node.plugin(census)]).toEqual([made, made]);
  });

  it('mixes with decorated ones in one list, in the given order', async () => {
    const calls: string[] = [];
    const noting = (label: string) =>
      definePlugin(
        class {
          static readonly plugin = { name: label };
          constructor(_node: PeerNode<never>) {}
          onStart(): void {
            calls.push(`${label} start`);
          }
          onStop(): void {
            calls.push(`${label} stop`);
          }
        },
      );
    @Plugin()
    class Middle {
      @OnStart()
      start() {
        calls.push('middle start');
      }
      @OnStop()
      stop() {
        calls.push('middle stop');
      }
    }
    @Peer({ codec, plugins: [noting('first')(), Middle, noting('last')()] })
    class Host {}
    await (await createPeer(Host)).close();
    expect(calls).toEqual([
      ...['first start', 'middle start', 'last start'],
      ...['last stop', 'middle stop', 'first stop'],
    ]);
  });

  it('decorated ones have their place checked, too, and are found at the node by their class', async () => {
    @Plugin()
    class Late {
      static readonly plugin = { name: 'late', after: ['census'] };
    }
    @Peer({ codec, plugins: [Late, census()] })
    class Wrong {}
    const error = await peerErrorOf('P2P_ERR_PLUGIN_ORDER', () => createPeer(Wrong));
    expect(error.message).toContain('this order would do: census, late');
    @Peer({ codec, plugins: [census(), Late] })
    class Right {}
    await using right = own(await createPeer(Right));
    expect(right.node.plugin(Late)).toBe(right.get(Late));
  });

  it('may be listed several times where its class is repeatable', async () => {
    class Many extends Census {
      static override readonly plugin = { name: 'many', repeatable: true };
    }
    const many = definePlugin(Many);
    @Peer({ codec, plugins: [many({ label: 'one' }), many({ label: 'two' })] })
    class Host {}
    await using host = own(await createPeer(Host));
    expect(host.get(Many).label).toBe('one');
  });

  it('is refused twice, uncalled, and with decorators', async () => {
    @Peer({ codec, plugins: [census(), census()] })
    class Twice {}
    const twice = await peerErrorOf('P2P_ERR_INVALID_PLUGIN', () => createPeer(Twice));
    expect(twice.message).toContain('Twice lists Census twice');
    @Peer({ codec, plugins: [census as never] })
    class Uncalled {}
    const uncalled = await peerErrorOf('P2P_ERR_INVALID_PLUGIN', () => createPeer(Uncalled));
    expect(uncalled.message).toContain('a function of a plugin has to be called');
    class Both extends Census {
      @OnMessage()
      hear() {}
    }
    @Peer({ codec, plugins: [definePlugin(Both)()] })
    class Decorated {}
    const decorated = await peerErrorOf('P2P_ERR_INVALID_PLUGIN', () => createPeer(Decorated));
    expect(decorated.message).toContain('Both is a class of hooks');
  });
});

describe('plugins that createPeer is given', () => {
  @Plugin({ inject: [PluginOptions] })
  class Quota {
    readonly most: number;
    constructor({ most = 7 }: { readonly most?: number }) {
      this.most = most;
    }
  }

  it('take the places of those with their class, with other options; the others come last', async () => {
    const order: string[] = [];
    const noting = (label: string) =>
      class {
        static readonly plugin = { name: label };
        constructor(_node: PeerNode<never>, given: string) {
          order.push(`${label} ${given}`);
        }
      };
    const [one, two, three] = [noting('one'), noting('two'), noting('three')].map((each) =>
      definePlugin(each),
    );
    @Peer({ codec, plugins: [one!('as listed'), two!('as listed'), configured(Quota, { most: 1 })] })
    class Host {}
    await using host = own(
      await createPeer(Host, {
        plugins: [three!('added'), configured(Quota, { most: 2 }), one!('overridden')],
      }),
    );
    expect(order).toEqual(['one overridden', 'two as listed', 'three added']);
    expect(host.get(Quota).most).toBe(2);
  });
});

describe('methods that are marked for a class of hooks', () => {
  class Topics implements Hooks<string> {
    static readonly plugin = { name: 'topics' };
    readonly routes = new Map<string, (text: string, connection: Connection) => unknown>();
    constructor(_node: PeerNode<string>) {}
    onMessage(message: string, connection: Connection<string>): void {
      const [topic = '', text = ''] = message.split(':');
      this.routes.get(topic)?.(text, connection);
    }
  }
  const topics = definePlugin(Topics);
  const TOPIC = methodMark<string, Topics>('@OnTopic', {
    plugin: topics,
    serve: (plugin, methods) => {
      for (const { value, call } of methods) {
        plugin.routes.set(value, (text, connection) => call(connection, text, connection));
      }
    },
  });
  const OnTopic = (topic: string) =>
    markedBy<string, [text: string, connection: AnyConnection]>(TOPIC, topic);

  it('are given to it: those of the peer and of its sessions', async () => {
    const heard: string[] = [];
    @Session()
    class Reader {
      @OnTopic('weather')
      onWeather(text: string) {
        heard.push(`session ${text}`);
      }
    }
    @Peer({ codec, plugins: [topics()], sessions: [Reader], unmatched: 'ignore' })
    class News {
      @OnTopic('sport')
      onSport(text: string) {
        heard.push(`peer ${text}`);
      }
    }
    const transport = memoryTransport();
    await using news = own(await createPeer(News, { config: inMemory(transport) }));
    await using node = dialler(transport);
    const connection = await node.connect(news.address!);
    for (const text of ['sport:2-1', 'weather:rain']) await connection.send(text);
    await until(() => heard.length === 2);
    expect(heard).toEqual(['peer 2-1', 'session rain']);
  });

  it('are refused where the peer does not list it', async () => {
    @Peer({ codec })
    class Forgetful {
      @OnTopic('sport')
      onSport() {}
    }
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(Forgetful));
    expect(error.message).toContain('Forgetful.onSport() has @OnTopic, but none of the plugins of Forgetful');
  });
});
