import { describe, expect, it } from '@jest/globals';
import {
  definePlugin,
  memoryTransport,
  PeerError,
  PeerNode,
  type Connection,
  type Hooks,
  type PeerErrorCode,
  type PluginManifest,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { ANYWHERE, lab, never, silentLogger, textCodec, until } from '@pea2pea/testing';

const { own } = lab();

interface GreeterOptions {
  readonly greeting?: string;
}

class Greeter implements Hooks<string> {
  static readonly plugin = { name: 'greeter' };
  readonly node: PeerNode<string>;
  readonly greeting: string;

  constructor(node: PeerNode<string>, { greeting = 'hello' }: GreeterOptions = {}) {
    this.node = node;
    this.greeting = greeting;
  }

  onConnect(connection: Connection<string>): void {
    connection.trySend(this.greeting);
  }
}
const greeter = definePlugin(Greeter);

function makeNode(config: object = {}): PeerNode<string> {
  return own(
    new PeerNode({ codec: textCodec(), transport: memoryTransport(), logger: silentLogger, ...config }),
  );
}

async function errorOf(act: () => unknown): Promise<PeerError> {
  try {
    await act();
  } catch (error) {
    if (PeerError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

async function codeOf(act: () => unknown): Promise<PeerErrorCode> {
  return (await errorOf(act)).code;
}

/** A plugin that does nothing but say who it is. */
function named(plugin: PluginManifest) {
  return definePlugin(
    class {
      static readonly plugin = plugin;
      constructor(_node: PeerNode<never>) {}
    },
  );
}

describe('a plugin in a node', () => {
  it('is made with the node and its options, and its hooks are called', async () => {
    const transport = memoryTransport();
    await using host = makeNode({ transport }).use(greeter({ greeting: 'welcome' }));
    const heard: string[] = [];
    await using guest = makeNode({ transport }).use({ onMessage: (text) => void heard.push(text) });
    await guest.connect(await host.listen(ANYWHERE));
    await until('the message is heard', () => heard.length === 1);
    expect(heard).toEqual(['welcome']);
    expect(host.plugin(greeter).node).toBe(host);
  });

  it('is found by its function, its class or a base of it; one that is not there is refused by name', async () => {
    class Louder extends Greeter {}
    const made = new Louder(makeNode());
    await using node = makeNode().use(made);
    expect([node.plugin(Greeter), node.plugin(greeter), node.plugin(Louder)]).toEqual([made, made, made]);
    await using bare = makeNode();
    const error = await errorOf(() => bare.plugin(greeter));
    expect(error.code).toBe('P2P_ERR_MISSING_PLUGIN');
    expect(error.message).toContain('the node has no plugin Greeter');
    for (const key of [undefined, null, 'greeter', {}]) {
      expect((await errorOf(() => bare.plugin(key as never))).code).toBe('P2P_ERR_INVALID_PLUGIN');
    }
  });

  it('has an instance for each node, from the same value', async () => {
    const shared = greeter();
    await using one = makeNode().use(shared);
    await using other = makeNode().use(shared);
    expect(one.plugin(greeter)).not.toBe(other.plugin(greeter));
  });

  it('is refused twice, unless its class says that it is repeatable', async () => {
    await using node = makeNode().use(greeter());
    expect(await codeOf(() => node.use(greeter()))).toBe('P2P_ERR_INVALID_PLUGIN');
    expect(await codeOf(() => node.use(new Greeter(node)))).toBe('P2P_ERR_INVALID_PLUGIN');
    const many = named({ name: 'many', repeatable: true });
    await node.use(many()).use(many()).start();
  });

  it.each([[undefined], [{}], [{ name: '' }], [{ name: 'x', after: 'bans' }], [{ name: 'x', needs: [1] }]])(
    'a class that says %j of itself is refused when it is defined',
    async (plugin) => {
      expect(await codeOf(() => named(plugin as never))).toBe('P2P_ERR_INVALID_PLUGIN');
    },
  );
});

describe('the order of plugins', () => {
  const first = named({ name: 'first', before: ['third'] });
  const second = named({ name: 'second' });
  const third = named({ name: 'third', after: ['second'] });

  it('is as they are listed, where none says otherwise', async () => {
    await using node = makeNode();
    await node.use(second()).use(first()).use(third()).start();
    expect(node.state).toBe('open');
  });

  it.each(['listen', 'connect', 'start'] as const)(
    'that one says cannot work is refused by %s, with one that would do',
    async (way) => {
      await using node = makeNode({ listen: ANYWHERE });
      node.use(third()).use(first()).use(second());
      const error = await errorOf(() => (way === 'connect' ? node.connect('127.0.0.1:9') : node[way]()));
      expect(error.code).toBe('P2P_ERR_PLUGIN_ORDER');
      expect(error.message).toContain('the plugin first must come before third');
      expect(error.message).toContain('this order would do: first, second, third');
      expect(node.state).toBe('idle');
    },
  );

  it('that cannot be is told to be a circle', async () => {
    await using node = makeNode();
    node.use(named({ name: 'a', after: ['b'] })()).use(named({ name: 'b', after: ['a'] })());
    expect((await errorOf(() => node.start())).message).toContain('in a circle');
  });

  it('one that needs another is refused without it, wherever it would stand', async () => {
    const needy = named({ name: 'needy', needs: ['second'] });
    await using without = makeNode().use(needy());
    const error = await errorOf(() => without.start());
    expect(error.code).toBe('P2P_ERR_MISSING_PLUGIN');
    expect(error.message).toContain('the plugin needy needs second');
    await using withIt = makeNode().use(needy()).use(second());
    await withIt.start();
  });
});

describe('onStart and onStop', () => {
  /** Hooks that write down what is called. */
  const noting = (calls: string[], label: string, onStart?: () => unknown): Hooks<string> => ({
    onStart: () => {
      calls.push(`${label} start`);
      return onStart?.() as void;
    },
    onStop: () => void calls.push(`${label} stop`),
  });

  it('run in order, once, when the node listens; and in reverse when it closes', async () => {
    const calls: string[] = [];
    const node = makeNode();
    node.use(noting(calls, 'first', () => void calls.push(String(node.address !== undefined))));
    node.use(noting(calls, 'second'));
    await node.listen(ANYWHERE);
    await node.start();
    expect(calls.splice(0)).toEqual(['first start', 'true', 'second start']);
    await node.close();
    expect(calls).toEqual(['second stop', 'first stop']);
  });

  it('run with the first connect, before it dials, and may connect themselves', async () => {
    const transport = memoryTransport();
    await using host = makeNode({ transport });
    const address = await host.listen(ANYWHERE);
    const node = makeNode({ transport });
    node.use({
      onStart: async () => {
        await node.connect(address);
      },
    });
    expect(await codeOf(() => node.connect(address))).toBe('P2P_ERR_ALREADY_CONNECTED');
    await node.close();
  });

  it('run without listening by start(), which all calls of it join', async () => {
    let starts = 0;
    await using node = makeNode().use({
      onStart: async () => {
        await Promise.resolve();
        starts++;
      },
    });
    await Promise.all([node.start(), node.start()]);
    expect([starts, node.state]).toEqual([1, 'open']);
  });

  it('a start that throws stops what had started, closes the node, and rejects with what was thrown', async () => {
    const calls: string[] = [];
    const node = makeNode().use(noting(calls, 'first'));
    node.use(noting(calls, 'second', () => Promise.reject(new Error('no luck'))));
    node.use(noting(calls, 'third'));
    await expect(node.listen(ANYWHERE)).rejects.toThrow('no luck');
    expect(calls).toEqual(['first start', 'second start', 'first stop']);
    expect([node.state, node.address]).toEqual(['closed', undefined]);
    expect(await codeOf(() => node.start())).toBe('P2P_ERR_SHUTTING_DOWN');
  });

  it('a start that does not settle fails by the clock of the node, and is stopped should it settle later', async () => {
    const clock = new ControlledClock();
    let settle!: () => void;
    const calls: string[] = [];
    const node = makeNode({ clock, startTimeoutMs: 50 });
    node.use(noting(calls, 'slow', () => new Promise<void>((resolve) => (settle = resolve))));
    const starting = errorOf(() => node.start());
    await until('the timer is set', () => clock.pending === 1);
    clock.advance(60);
    const error = await starting;
    expect(error.code).toBe('P2P_ERR_START_TIMEOUT');
    expect(error.message).toContain('onStart() has not settled in 50 ms');
    expect([calls, node.state]).toEqual([['slow start'], 'closed']);
    settle();
    await until('it is stopped', () => calls.includes('slow stop'));
  });

  it('names the class of a plugin that does not start', async () => {
    class Stuck {
      static readonly plugin = { name: 'stuck' };
      constructor(_node: PeerNode<never>) {}
      onStart(): Promise<void> {
        return never();
      }
    }
    const node = makeNode({ startTimeoutMs: 5 }).use(definePlugin(Stuck)());
    expect((await errorOf(() => node.start())).message).toContain('Stuck.onStart() has not settled in 5 ms');
  });

  it('a node that is closed while it starts stops what had started, and begins nothing more', async () => {
    const calls: string[] = [];
    const node = makeNode().use(noting(calls, 'first'));
    node.use(noting(calls, 'second', () => void node.close()));
    node.use(noting(calls, 'third'));
    expect(await codeOf(() => node.start())).toBe('P2P_ERR_SHUTTING_DOWN');
    await node.close();
    expect(calls).toEqual(['first start', 'second start', 'first stop', 'second stop']);
  });

  it('onStop comes while connections are open, and its words arrive', async () => {
    const transport = memoryTransport();
    const heard: string[] = [];
    await using guest = makeNode({ transport }).use({ onMessage: (text) => void heard.push(text) });
    const host = makeNode({ transport });
    host.use({ onStop: () => void host.broadcast('goodbye') });
    await guest.connect(await host.listen(ANYWHERE));
    await until('the guest is in', () => host.connections.size === 1);
    await host.close();
    await until('the message is heard', () => heard.length === 1);
    expect(heard).toEqual(['goodbye']);
  });

  it('an onStop that throws or hangs keeps no other from being called, nor the node from closing, and is reported', async () => {
    const calls: string[] = [];
    const failure = new Error('no luck');
    const node = makeNode({ closeTimeoutMs: 40 });
    node.use(noting(calls, 'first'));
    node.use({ onStop: () => never() });
    node.use({ onStop: () => Promise.reject(failure) });
    await node.start();
    const report = await node.close();
    expect(calls).toEqual(['first start', 'first stop']);
    expect(report.stop).toEqual({ errors: [failure], cut: ['onStop()'] });
    expect(node.state).toBe('closed');
  });

  it('without any of them a dial begins in the turn of the call', async () => {
    await using node = makeNode();
    void node.connect('127.0.0.1:9').catch(() => {});
    await Promise.resolve();
    expect(node.connecting + Number(node.isConnecting('127.0.0.1:9'))).toBeGreaterThan(0);
  });
});
