import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import * as core from '@pea2pea/core';
import * as decorators from '@pea2pea/decorators';
import { createPeer, OnConnect, OnMessage, Peer } from '@pea2pea/decorators';
import { Container, decorate, injectable } from 'inversify';
import ts from 'typescript';
import { dialler, inMemory, peerErrorOf, until } from './lab.js';
import * as messageLab from './message-lab.js';
import type * as Fixture from './standard-fixture.js';
import * as textCodecModule from './text-codec.js';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The fixture as the compiler emits it for standard decorators. */
function loadFixture(): typeof Fixture {
  const { outputText } = ts.transpileModule(readFileSync(path('./standard-fixture.ts'), 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      experimentalDecorators: false,
    },
  });
  const modules: Record<string, unknown> = {
    '@pea2pea/core': core,
    '@pea2pea/decorators': decorators,
    './message-lab.js': messageLab,
    './text-codec.js': textCodecModule,
  };
  const exports = {};
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
  new Function('require', 'exports', outputText)((name: string) => modules[name], exports);
  return exports as typeof Fixture;
}

const { StandardPeer, DerivedPeer, RoutedPeer, GreedyPeer, Transcript } = loadFixture();
decorate(injectable(), Transcript);

function services(): Container {
  const container = new Container();
  container.bind(Transcript).toSelf().inSingletonScope();
  return container;
}

async function conversation(Class: typeof StandardPeer) {
  const transport = core.memoryTransport();
  await using node = dialler(transport);
  await using handle = await createPeer(Class, { container: services(), config: inMemory(transport) });
  expect(handle.peer.node).toBe(handle.node);
  const connection = await node.connect(handle.address!);
  await connection.send('hello');
  const { lines } = handle.peer.transcript;
  await until(() => lines.some((line) => line.includes('hello')));
  await connection.disconnect();
  await until(() => lines.some((line) => line.includes('disconnect')));
  return { lines, name: handle.node.name };
}

describe('standard decorators, compiled', () => {
  it('serve every hook, and inject what the list names', async () => {
    const { lines } = await conversation(StandardPeer);
    expect(lines).toEqual([
      'accept',
      'handshake inbound',
      'connect',
      'hello',
      'Error: no hello',
      'disconnect reading',
    ]);
  });

  it('are inherited', async () => {
    const { lines, name } = await conversation(DerivedPeer);
    expect(lines).toEqual(['accept', 'handshake inbound', 'connect', 'derived hello', 'disconnect reading']);
    expect(name).toBe('derived');
  });

  it('route messages', async () => {
    const transport = core.memoryTransport();
    await using node = dialler(transport);
    const container = services();
    await using handle = await createPeer(RoutedPeer, { container, config: inMemory(transport) });
    const connection = await node.connect(handle.address!);
    for (const line of ['12', 'hello', '/stop']) await connection.send(line);
    const { lines } = handle.peer.transcript;
    await until(() => lines.length === 3);
    expect(lines).toEqual(['connect', 'number 13', 'command /stop']);
    expect(handle.unmatched).toBe(1);
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => createPeer(GreedyPeer, { container }));
    expect(error.message).toContain('GreedyPeer.all() takes every message and leaves number() none');
  });

  it('are checked by the compiler as legacy ones are', () => {
    const { config } = ts.readConfigFile(path('../../../tsconfig.test.json'), (file) =>
      readFileSync(file, 'utf8'),
    ) as { config: object };
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, path('../../..'));
    const program = ts.createProgram(
      ['./standard-fixture.ts', './types.test.ts', './peer-types.test.ts'].map(path),
      {
        ...options,
        experimentalDecorators: false,
        emitDecoratorMetadata: false,
        skipLibCheck: true,
      },
    );
    const diagnostics = program
      .getSourceFiles()
      .filter(({ fileName }) => fileName.includes('/packages/decorators/'))
      .flatMap((file) => program.getSemanticDiagnostics(file));
    expect(ts.formatDiagnostics(diagnostics, host)).toBe('');
    expect(program.getSourceFiles().length).toBeGreaterThan(10);
  }, 60_000);
});

const host: ts.FormatDiagnosticsHost = {
  getCurrentDirectory: () => process.cwd(),
  getCanonicalFileName: (name) => name,
  getNewLine: () => '\n',
};

type Loose = (value: unknown, context: unknown) => void;
type Initializer = (this: unknown) => void;

/** A context as the compiler makes it. */
function context(overrides: object = {}) {
  const initializers: Initializer[] = [];
  return {
    initializers,
    kind: 'method',
    name: 'greet',
    static: false,
    private: false,
    addInitializer: (initializer: Initializer) => void initializers.push(initializer),
    ...overrides,
  };
}

describe('standard decorators, called by hand', () => {
  it.each([
    [{ static: true }, '@OnConnect stands on the static method greet()'],
    [{ private: true, name: '#greet' }, '@OnConnect stands on the private method #greet()'],
    [{ kind: 'field' }, '@OnConnect stands on the field greet'],
    [{ kind: 'getter' }, '@OnConnect stands on the getter greet'],
    [{ kind: 'accessor' }, '@OnConnect stands on the accessor greet'],
    [{ kind: 'class', name: 'Chat' }, '@OnConnect stands on the class Chat'],
  ])('%j is refused', async (overrides, message) => {
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () =>
      (OnConnect() as Loose)(class Chat {}, context(overrides)),
    );
    expect(error.message).toContain(message);
  });

  it('@Peer on something else than a class is refused, and so is @Peer twice', async () => {
    const codec = textCodecModule.textCodec();
    const peer = Peer({ codec }) as Loose;
    await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => peer(() => undefined, context()));
    class Chat {}
    peer(Chat, context({ kind: 'class', name: 'Chat' }));
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () =>
      peer(Chat, context({ kind: 'class', name: 'Chat' })),
    );
    expect(error.message).toContain('@Peer stands twice on Chat');
  });

  it('a decorator that replaced a hook method is found when the peer is made', async () => {
    class Chat {
      read() {}
    }
    const site = context({ name: 'read' });
    (OnMessage() as Loose)(() => undefined, site);
    const [initializer] = site.initializers;
    const error = await peerErrorOf('P2P_ERR_INVALID_DECORATOR', () => initializer!.call(new Chat()));
    expect(error.message).toContain('the decorator above @OnMessage on Chat.read() replaced the method');
  });
});
