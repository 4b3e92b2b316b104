import { afterEach, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { channel } from 'node:diagnostics_channel';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { Writable } from 'node:stream';
import { lines } from '@pea2pea/codecs';
import { memoryTransport, type Codec } from '@pea2pea/core';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { capture, Capture, tap, type CaptureReport } from '@pea2pea/observe/tap';
import { join, lab, until, ANYWHERE } from '@pea2pea/testing';
import { blocksIn, packetsIn, streamsIn } from './support/pcapng-reader.js';

const { makeNode } = lab();
const folder = mkdtempSync(joinPath(tmpdir(), 'pea2pea-tap-'));
const fileOf = (name: string): string => joinPath(folder, name);
afterEach(() => {
  // A tap that outlived its test would cost every later one.
  expect(channel('pea2pea:bytes:received').hasSubscribers).toBe(false);
  expect(channel('pea2pea:bytes:sent').hasSubscribers).toBe(false);
});
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const hasTshark = spawnSync('tshark', ['--version']).status === 0;
if (!hasTshark) console.log('tshark is not installed: its opinion of the captures is not asked');

const XX = 'Noise_XX_25519_ChaChaPoly_SHA256';
const codec = (): Codec<string> => lines();
const echo = {
  onMessage: (line: string, from: { trySend(line: string): boolean }) => void from.trySend(`${line}!`),
};

/** A stream that keeps what it is given, or takes nothing where `isStuck`. */
class Sink extends Writable {
  readonly chunks: Buffer[] = [];
  isStuck = false;

  override _write(chunk: Buffer, _: BufferEncoding, callback: () => void): void {
    if (this.isStuck) return;
    this.chunks.push(chunk);
    callback();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

async function talk(to: string | Sink, options = {}): Promise<CaptureReport> {
  const a = makeNode({ codec: codec() });
  const b = makeNode({ codec: codec() }, echo);
  const [connection] = await join(a, b);
  const recording = tap(connection, { to, ...options });
  for (const [index, line] of ['one', 'two', 'three'].entries()) {
    await connection.send(line);
    await until('it came back', () => a.messages.length > index);
  }
  return recording.stop();
}

describe('tap()', () => {
  it('records both directions as a TCP connection that can be followed', async () => {
    const sink = new Sink();
    const report = await talk(sink);
    expect(report).toMatchObject({ dropped: { frames: 0, bytes: 0 }, bytes: 14 + 17 });
    const [stream] = streamsIn(sink.bytes);
    expect(stream).toMatchObject({
      layer: 'plain',
      sent: 'one\ntwo\nthree\n',
      received: 'one!\ntwo!\nthree!\n',
    });
    const packets = packetsIn(sink.bytes);
    expect(packets.slice(0, 3).map(({ flags }) => flags)).toEqual(['SYN', 'SYN ACK', 'ACK']);
    expect(packets.slice(-3).map(({ flags }) => flags)).toEqual(['FIN ACK', 'FIN ACK', 'ACK']);
    expect(packets[0]!.comment).toMatch(
      /^plain bytes of .+, connection \d+: 127\.0\.0\.1:\d+ and 127\.0\.0\.1:\d+$/,
    );
  });

  it('has a correct checksum in every packet', async () => {
    const sink = new Sink();
    await talk(sink);
    for (const packet of packetsIn(sink.bytes))
      expect(packet).toMatchObject({ ipSum: 0xffff, tcpSum: 0xffff });
  });

  it('writes whole blocks: a header, the interfaces, packets, and how many of those were dropped', async () => {
    const sink = new Sink();
    await talk(sink, { maxFrames: 2 });
    const types = blocksIn(sink.bytes).map(({ name }) => name);
    expect(types.slice(0, 3)).toEqual(['section', 'interface', 'interface']);
    expect(types.slice(-2)).toEqual(['statistics', 'statistics']);
    expect(blocksIn(sink.bytes).at(-2)!.dropped).toBe(4);
  });

  it('writes lines of JSON', async () => {
    const sink = new Sink();
    await talk(sink, { format: 'jsonl' });
    const events = String(sink.bytes)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events[0]).toMatchObject({ event: 'open', flow: 1, layer: 'plain', direction: 'outbound' });
    expect(events[1]).toMatchObject({
      event: 'bytes',
      way: 'sent',
      length: 4,
      data: Buffer.from('one\n').toString('hex'),
    });
    expect(events.at(-1)).toMatchObject({
      event: 'end',
      frames: 6,
      bytes: 31,
      dropped: { frames: 0, bytes: 0 },
    });
    for (const { at } of events) expect(Number.isNaN(Date.parse(at as string))).toBe(false);
  });

  it('goes to a file that only its owner can read, by the ending of its name', async () => {
    await talk(fileOf('talk.jsonl'));
    expect(readFileSync(fileOf('talk.jsonl'), 'utf8')).toMatch(/^\{"at":/);
    expect(statSync(fileOf('talk.jsonl')).mode & 0o777).toBe(0o600);
  });

  it('ends with its connection', async () => {
    const sink = new Sink();
    const [connection] = await join(makeNode({ codec: codec() }), makeNode({ codec: codec() }));
    const recording = tap(connection, { to: sink });
    await connection.send('last words');
    await connection.disconnect();
    expect(await recording.done).toMatchObject({ frames: 1 });
    expect(sink.writableFinished).toBe(true);
    expect(await recording.stop()).toEqual(await recording.done);
  });

  it('records nothing of other connections', async () => {
    const sink = new Sink();
    const [a, b] = [makeNode({ codec: codec() }), makeNode({ codec: codec() }, echo)];
    const [first] = await join(a, b);
    const second = await a.node.connect(b.node.address!, { parallel: true });
    const recording = tap(first, { to: sink });
    await second.send('secret');
    await until('it came back', () => a.messages.length === 1);
    expect(await recording.stop()).toMatchObject({ frames: 0 });
  });

  it.each([
    ['maxFrames', { maxFrames: 2 }, { frames: 2 }, { frames: 4 }],
    ['maxBytes', { maxBytes: 9 }, { frames: 2, bytes: 9 }, { frames: 4, bytes: 22 }],
  ])('keeps to %s, and counts what it drops', async (_, options, kept, dropped) => {
    const sink = new Sink();
    const report = await talk(sink, options);
    expect(report).toMatchObject({ ...kept, dropped });
    expect(blocksIn(sink.bytes).filter(({ name }) => name === 'packet').length).toBe(report.frames + 6);
  });

  it('cuts a piece at maxFrameBytes, and leaves room for the rest of it', async () => {
    const sink = new Sink();
    const report = await talk(sink, { maxFrameBytes: 2 });
    expect(report).toMatchObject({ frames: 6, bytes: 12, dropped: { frames: 0, bytes: 19 } });
    const sent = packetsIn(sink.bytes).filter(({ way, payload }) => way === 'sent' && payload.length > 0);
    expect(sent.map(({ seq }) => seq)).toEqual([1, 5, 9]);
  });

  it('drops what a slow disk does not take, and keeps nobody waiting', async () => {
    const sink = new Sink({ highWaterMark: 1 });
    const [a, b] = [makeNode({ codec: codec() }), makeNode({ codec: codec() }, echo)];
    const [connection] = await join(a, b);
    sink.isStuck = true;
    const recording = tap(connection, { to: sink, maxWaitingBytes: 1 });
    for (let count = 0; count < 50; count++) await connection.send('a line');
    await until('all came back', () => a.messages.length === 50);
    expect(recording.counts.dropped.frames).toBeGreaterThan(0);
    expect(sink.writableLength).toBeLessThan(10_000);
    sink.destroy();
    expect((await recording.done).error).toBeDefined();
  });

  it('tells of a file that cannot be written, and the connection lives', async () => {
    const report = await talk(fileOf('no/such/folder.pcapng'));
    expect(report.error).toMatchObject({ code: 'ENOENT' });
  });

  it('refuses options that make no sense', async () => {
    const [connection] = await join(makeNode({ codec: codec() }), makeNode({ codec: codec() }));
    for (const options of [
      {},
      { to: '' },
      { to: 7 },
      { to: 'x', maxBytes: 0 },
      { to: 'x', format: 'pcap' },
      { to: 'x', more: 1 },
    ]) {
      expect(() => tap(connection, options as never)).toThrow(
        expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }),
      );
    }
  });

  it('shows Unix sockets and IPv6 with addresses that packets can have', async () => {
    for (const place of [{ path: fileOf('socket') }, { host: '::1', port: 0 }]) {
      const sink = new Sink();
      const [a, b] = [makeNode({ codec: codec() }), makeNode({ codec: codec() }, echo)];
      const connection = await a.node.connect(await b.node.listen(place));
      const recording = tap(connection, { to: sink });
      await connection.send('hello');
      await until('it came back', () => a.messages.length === 1);
      await recording.stop();
      expect(streamsIn(sink.bytes)[0]).toMatchObject({ sent: 'hello\n', received: 'hello!\n' });
      for (const packet of packetsIn(sink.bytes)) expect(packet.tcpSum).toBe(0xffff);
    }
  });
});

describe('capture()', () => {
  /** Two nodes with Noise between them, of which one records. */
  async function secured(
    sink: Sink | string,
    network = {},
  ): Promise<{ node: ReturnType<typeof makeNode>; done(): Promise<void> }> {
    const a = makeNode({ codec: codec(), name: 'a', ...network });
    const b = makeNode({ codec: codec(), name: 'b', ...network }, echo);
    a.node.use(capture({ to: sink })).use(noise({ pattern: XX, staticKey: generateKeyPair() }));
    b.node.use(noise({ pattern: XX, staticKey: generateKeyPair() }));
    const [connection] = await join(a, b);
    await connection.send('a secret');
    await until('it came back', () => a.messages.length === 1);
    return {
      node: a,
      done: async () => {
        await a.node.close();
        await a.node.plugin(Capture).stop();
      },
    };
  }

  it.each([
    ['TCP', {}],
    ['memory', { transport: memoryTransport() }],
  ])('records both sides of a secure channel from the first byte, over %s', async (_, network) => {
    const sink = new Sink();
    const { done } = await secured(sink, network);
    await done();
    const [wire, plain] = streamsIn(sink.bytes);
    expect(plain).toMatchObject({ layer: 'plain', sent: 'a secret\n', received: 'a secret!\n' });
    expect(wire!.layer).toBe('wire');
    expect(wire!.sent.length).toBeGreaterThan(100); // the handshake, too
    expect(wire!.sent).not.toContain('secret');
  });

  it('records one layer where there is no secure channel', async () => {
    const sink = new Sink();
    const [a, b] = [makeNode({ codec: codec() }), makeNode({ codec: codec() }, echo)];
    a.node.use(capture({ to: sink }));
    const [connection] = await join(a, b);
    await connection.send('one');
    await until('it came back', () => a.messages.length === 1);
    await a.node.close();
    await a.node.plugin(capture).stop();
    expect(streamsIn(sink.bytes)).toMatchObject([{ layer: 'wire', sent: 'one\n', received: 'one!\n' }]);
  });

  it('records only those that are asked for', async () => {
    const sink = new Sink();
    const [a, b] = [makeNode({ codec: codec() }), makeNode({ codec: codec() }, echo)];
    b.node.use(capture({ to: sink, only: ({ direction }) => direction === 'outbound' }));
    const [connection] = await join(a, b);
    await connection.send('one');
    await until('it came back', () => a.messages.length === 1);
    expect(b.node.plugin(capture).counts).toMatchObject({ frames: 0 });
    await b.node.close();
  });

  it('ends with the last connection of a node that closes, and keeps last words', async () => {
    const sink = new Sink();
    const a = makeNode({ codec: codec() }, { onDisconnect: (connection) => void connection.trySend('bye') });
    const b = makeNode({ codec: codec() });
    a.node.use(capture({ to: sink }));
    await b.node.listen(ANYWHERE);
    await a.node.connect(b.node.address!);
    await a.node.close();
    await until('the file has ended', () => sink.writableFinished);
    expect(streamsIn(sink.bytes)[0]).toMatchObject({ sent: 'bye\n' });
  });

  (hasTshark ? it : it.skip)('is a file that tshark follows, without a complaint', async () => {
    const file = fileOf('secured.pcapng');
    const { done } = await secured(file);
    await done();
    const tshark = (...args: string[]): string =>
      execFileSync('tshark', ['-r', file, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const checks = ['-o', 'ip.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE'];
    expect(tshark(...checks, '-Y', '_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0')).toBe(
      '',
    );
    const names = tshark('-T', 'fields', '-e', 'frame.interface_name').trim().split('\n');
    expect(new Set(names)).toEqual(new Set(['plain', 'wire']));
    expect(tshark('-q', '-z', 'follow,tcp,ascii,1')).toContain('a secret!');
    expect(execFileSync('capinfos', ['-c', file], { encoding: 'utf8' })).toContain('Number of packets');
  });
});
