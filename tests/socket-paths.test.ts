import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join as pathJoin } from 'node:path';
import { describeReason, SocketAddress } from '@pea2pea/core';
import { snapshot } from '@pea2pea/observe';
import { bans, keepAlive, rateLimit, reconnect } from '@pea2pea/policies';
import { ANYWHERE, inMemory, lab, until, type TestNode } from '@pea2pea/testing';

const { makeNode } = lab();

const folders: string[] = [];

/** A path for a socket, in a folder of its own. */
function freePath(name = 'app.sock'): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\pea2pea-${process.pid}-${name}-${folders.length}`;
  const folder = mkdtempSync(pathJoin(tmpdir(), 'p2p-'));
  folders.push(folder);
  return pathJoin(folder, name);
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Systems with files of sockets. */
const unixIt = process.platform === 'win32' ? it.skip : it;
const linuxIt = process.platform === 'linux' ? it : it.skip;

/** Connects `from` to `to`, which listens at `path`. */
async function meet(from: TestNode, to: TestNode, path: string, parallel = false) {
  const before = to.opened.length;
  if (!to.node.listening.some((address) => address.path === path)) await to.node.listen({ path });
  const here = await from.node.connect({ path }, { parallel });
  await until('the other side has it', () => to.opened.length > before);
  return [here, to.opened[before]!] as const;
}

describe('listen({ path }) and connect({ path })', () => {
  it('carry messages both ways, with large ones and an end in order', async () => {
    const path = freePath();
    const [a, b] = [makeNode(), makeNode()];
    const [here, there] = await meet(b, a, path);
    const large = 'x'.repeat(60_000);
    for (let count = 0; count < 50; count++) await here.send(large);
    await there.send('hello');
    await until('all came', () => a.messages.length === 50 && b.messages.length === 1);
    expect(a.messages.every((message) => message === large)).toBe(true);
    await there.send('last words');
    await there.disconnect();
    await until('it has ended', () => b.closed.length === 1);
    expect(b.messages).toEqual(['hello', 'last words']);
    expect(b.closed.map(({ reason }) => describeReason(reason))).toEqual(['reading: ended']);
  });

  it('number the peers of a path, in addresses, logs and snapshots, and find them by that', async () => {
    const path = freePath();
    const a = makeNode();
    const peers = [makeNode(), makeNode(), makeNode()];
    for (const peer of peers) await meet(peer, a, path);
    const addresses = a.opened.map(({ address }) => address);
    expect(new Set(addresses.map(String)).size).toBe(3);
    for (const address of addresses) {
      expect([address.path, address.host]).toEqual([path, path]);
      expect(address.port).toBeGreaterThan(0);
      expect(`${address}`).toBe(`${SocketAddress.ofPath(path)}#${address.port}`);
      expect(a.node.connections.get(`${address}`)?.address).toEqual(address);
    }
    expect(a.opened.map(({ localAddress }) => `${localAddress}`)).toEqual(
      Array(3).fill(`${SocketAddress.ofPath(path)}`),
    );
    const [outbound] = peers[0]!.node.connections;
    expect([`${outbound!.address}`, `${outbound!.localAddress}`]).toEqual(
      Array(2).fill(`${SocketAddress.ofPath(path)}`),
    );
    expect(snapshot(a.node).connections.items.map(({ address }) => address)).toEqual(addresses.map(String));
    expect(a.log.find(({ text }) => text === 'connected')!.fields).toMatchObject({ peer: `${addresses[0]}` });
    expect(await a.node.disconnect(addresses[0]!)).toBe(true);
    expect(a.node.connections.size).toBe(2);
  });

  it('work in memory alike, without a file', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const [here, there] = await meet(b, a, '/run/app.sock');
    await here.send('hello');
    await until('it came', () => a.messages.length === 1);
    expect([`${here.address}`, `${here.localAddress}`]).toEqual(['unix:/run/app.sock', 'unix:/run/app.sock']);
    expect(`${there.address}`).toMatch(/^unix:\/run\/app\.sock#\d+$/);
    expect(existsSync('/run/app.sock')).toBe(false);
    expect(await errorOf(b.node.connect({ path: '/run/other.sock' }))).toMatchObject({
      code: 'P2P_ERR_CONNECT_FAILED',
    });
  });

  it('do not mix peers of an earlier listener with those of a later one', async () => {
    const path = freePath();
    const a = makeNode();
    const [, first] = await meet(makeNode(), a, path);
    await a.node.stopListening({ path });
    const [, second] = await meet(makeNode(), a, path);
    expect(second.address.port).toBeGreaterThan(first.address.port);
    expect(a.node.connections.size).toBe(2);
  });

  it('one address has one connection, unless it is parallel; a path that is dialled is not one of its peers', async () => {
    const path = freePath();
    const [a, b] = [makeNode(), makeNode()];
    await meet(b, a, path);
    expect(await errorOf(b.node.connect({ path }))).toMatchObject({ code: 'P2P_ERR_ALREADY_CONNECTED' });
    await meet(b, a, path, true);
    expect(b.node.connections.all({ path })).toHaveLength(2);
    expect(await errorOf(b.node.connect(a.opened[0]!.address))).toMatchObject({
      code: 'P2P_ERR_INVALID_ADDRESS',
    });
    expect(await errorOf(a.node.connect({ path }))).toMatchObject({ code: 'P2P_ERR_SELF_CONNECT' });
    expect(a.node.connections.all({ path })).toEqual([]);
  });

  it.each(['localAddress', 'localPort'])('refuse %s, which a path does not have', async (option) => {
    const { node } = makeNode();
    const dial = node.connect(
      { path: '/run/app.sock' },
      { [option]: option === 'localPort' ? 80 : '127.0.0.1' },
    );
    expect(await errorOf(dial)).toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
  });

  it('a dial is refused, cancelled and counted as any other', async () => {
    const path = freePath();
    const { node } = makeNode();
    expect(await errorOf(node.connect({ path }))).toMatchObject({
      code: 'P2P_ERR_CONNECT_FAILED',
      cause: { code: 'ENOENT' },
    });
    expect(await errorOf(node.connect({ path }, { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'P2P_ERR_ABORTED',
    });
    expect(node.heuristics).toMatchObject({ dialled: 2, connectFailures: 2 });
  });

  linuxIt('take an abstract socket of Linux, which leaves no file', async () => {
    const path = `\0pea2pea-${process.pid}`;
    const [a, b] = [makeNode(), makeNode()];
    const [here] = await meet(b, a, path);
    expect(`${here.address}`).toBe(`unix:@pea2pea-${process.pid}`);
    await here.send('hello');
    await until('it came', () => a.messages.length === 1);
    expect(await errorOf(makeNode().node.listen({ path }))).toMatchObject({ code: 'P2P_ERR_LISTEN_FAILED' });
    await a.node.stopListening();
    await makeNode().node.listen({ path });
  });

  unixIt('refuse a named pipe where there are none: Node would make a file of that name', async () => {
    const path = String.raw`\\.\pipe\app`;
    const { node } = makeNode();
    for (const attempt of [node.listen({ path }), node.connect({ path })]) {
      expect(await errorOf(attempt)).toMatchObject({ code: 'P2P_ERR_UNSUPPORTED' });
    }
    expect(existsSync(path)).toBe(false);
  });
});

describe('the limits of peers of a path', () => {
  it('are those of all peers, and none of those per IP address', async () => {
    const path = freePath();
    const limits = { maxConnectionsPerIp: 1, maxConnectingPerIp: 1, maxWaitingPerIp: 1, maxConnections: 8 };
    const [a, b] = [makeNode({ ...limits, maxInbound: 5 }), makeNode(limits)];
    await a.node.listen({ path });
    for (let count = 0; count < 5; count++) await b.node.connect({ path }, { parallel: true });
    await until('five are in', () => a.node.connections.size === 5);
    const sixth = await b.node.connect({ path }, { parallel: true });
    await sixth.closed;
    expect(a.node.heuristics).toMatchObject({ accepted: 6, refusedByLimit: 1 });
    await a.node.listen(ANYWHERE);
    await until('b has five', () => b.node.connections.size === 5);
  });

  it('let expensive handshakes begin at once', async () => {
    const path = freePath();
    const onHandshake = (handshake: { turn(): Promise<void> }): Promise<void> => handshake.turn();
    const [a, b] = [makeNode({ maxHandshakesPerSecondPerIp: 1 }, { onHandshake }), makeNode()];
    await a.node.listen({ path });
    for (let count = 0; count < 5; count++) await b.node.connect({ path }, { parallel: true });
    await until('all are in', () => a.node.connections.size === 5);
    expect(a.node.heuristics.delayedHandshakes).toBe(0);
  });

  it('are not about bans by IP address; plugins take them as any peer', async () => {
    const path = freePath();
    const a = makeNode();
    a.node
      .use(bans())
      .use(rateLimit({ perConnection: { messagesPerSecond: 1_000 } }))
      .use(keepAlive());
    const [here] = await meet(makeNode(), a, path);
    await here.send('hello');
    await until('it came', () => a.messages.length === 1);
    expect(() => a.node.plugin(bans).ban(a.opened[0]!)).toThrow('is not an IP address');
    a.node.plugin(bans).ban({ identity: 'somebody' });
    expect(a.opened[0]!.state).toBe('open');
  });

  it('reconnect keeps a path connected, and refuses the peer of one', async () => {
    const path = freePath();
    const [a, b] = [makeNode(), makeNode()];
    b.node.use(reconnect({ addresses: [{ path }], minDelayMs: 1, maxDelayMs: 1 }));
    await a.node.listen({ path });
    await b.node.start();
    await until('it is connected', () => a.opened.length === 1);
    await a.opened[0]!.disconnect();
    await until('it is connected again', () => a.opened.length === 2);
    expect(() => b.node.plugin(reconnect).add(a.opened[1]!.address)).toThrow('cannot be dialled');
  });
});

describe('the file of a socket', () => {
  unixIt('is there while the node listens, and removed when it stops or closes', async () => {
    const path = freePath();
    const a = makeNode();
    await a.node.listen({ path });
    expect(lstatSync(path).isSocket()).toBe(true);
    await a.node.stopListening();
    expect(existsSync(path)).toBe(false);
    await a.node.listen({ path });
    await a.node.close();
    expect(existsSync(path)).toBe(false);
  });

  unixIt('of a process that was killed is replaced', async () => {
    const path = freePath();
    const listening = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', listening], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const [a, b] = [makeNode(), makeNode()];
    expect(await errorOf(a.node.listen({ path }))).toMatchObject({
      code: 'P2P_ERR_LISTEN_FAILED',
      cause: { code: 'EADDRINUSE' },
      message: expect.stringContaining('another process listens there'),
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(lstatSync(path).isSocket()).toBe(true);
    expect(await errorOf(b.node.connect({ path }))).toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await meet(b, a, path);
  });

  unixIt('of somebody who listens is left alone, whose peers notice one connection that ends', async () => {
    const path = freePath();
    const [a, b] = [makeNode(), makeNode()];
    const [, there] = await meet(b, a, path);
    expect(await errorOf(makeNode().node.listen({ path }))).toMatchObject({ code: 'P2P_ERR_LISTEN_FAILED' });
    await until('the knock is over', () => a.node.heuristics.closed + a.node.connecting >= 1);
    expect(there.state).toBe('open');
    await meet(makeNode(), a, path);
  });

  unixIt('is never another file: what is not a socket is left as it is, and the error says so', async () => {
    const path = freePath();
    writeFileSync(path, 'precious');
    const link = pathJoin(path, '..', 'link');
    symlinkSync('/nowhere/at/all', link);
    const folder = pathJoin(path, '..');
    const { node } = makeNode();
    for (const taken of [path, link, folder]) {
      expect(await errorOf(node.listen({ path: taken }))).toMatchObject({
        code: 'P2P_ERR_LISTEN_FAILED',
        message: expect.stringContaining('is not a socket, and is left alone'),
      });
    }
    expect([lstatSync(path).size, lstatSync(link).isSymbolicLink()]).toEqual([8, true]);
  });

  unixIt('in a folder that is not there, or not ours, is refused with what to do', async () => {
    const path = freePath();
    const { node } = makeNode();
    const expected = {
      code: 'P2P_ERR_LISTEN_FAILED',
      message: expect.stringContaining('make the folder first, and let this process write to it'),
    };
    expect(await errorOf(node.listen({ path: `${path}/no/app.sock` }))).toMatchObject(expected);
    if (process.getuid?.() === 0) return; // nothing is forbidden to root
    chmodSync(pathJoin(path, '..'), 0o500);
    expect(await errorOf(node.listen({ path }))).toMatchObject(expected);
    chmodSync(pathJoin(path, '..'), 0o700);
  });

  unixIt(
    'has a path that the system does not cut: a longer one is refused, to listen and to dial',
    async () => {
      const folder = pathJoin(freePath(), '..');
      const longest = process.platform === 'linux' ? 107 : 103;
      const fitting = pathJoin(folder, 'é'.repeat(2) + 'x'.repeat(longest - folder.length - 5));
      const [a, b] = [makeNode(), makeNode()];
      expect(Buffer.byteLength(fitting)).toBe(longest);
      await meet(b, a, fitting);
      const tooLong = `${fitting}x`;
      for (const attempt of [a.node.listen({ path: tooLong }), b.node.connect({ path: tooLong })]) {
        expect(await errorOf(attempt)).toMatchObject({
          code: 'P2P_ERR_INVALID_ADDRESS',
          message: expect.stringContaining(`a path of ${longest} bytes at most`),
        });
      }
    },
  );
});

describe('a Unix socket that is given to accept()', () => {
  it('is closed where a limit refuses it: it cannot be reset', async () => {
    const path = freePath();
    const a = makeNode({ maxConnections: 1, maxInbound: 1 });
    const errors: unknown[] = [];
    const server = createServer((socket) => {
      a.node
        .accept(socket, { address: { path }, parallel: true })
        .catch((error: unknown) => errors.push(error));
    }).listen(path);
    await once(server, 'listening');
    const [first, second] = [connect(path), connect(path)];
    second.on('error', () => {});
    await Promise.race([once(first, 'close'), once(second, 'close')]);
    expect(errors).toEqual([expect.objectContaining({ code: 'P2P_ERR_TOO_MANY_CONNECTIONS' })]);
    expect(a.node.connections.all({ path })).toHaveLength(1);
    first.destroy();
    second.destroy();
    server.close();
  });
});
