/**
 * A chat over TCP, one line a message. One process listens, others connect to it; `nc` can join, too.
 *
 *   npm run example chat -- --listen 127.0.0.1:4000 --name bob
 *   npm run example chat -- --connect 127.0.0.1:4000 --name alice
 *   nc 127.0.0.1 4000
 *
 * Lines typed on standard input reach everybody. Ctrl-C leaves; a process that only connects leaves at the end
 * of its input, too.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import {
  describeReason,
  PeerError,
  PeerNode,
  SocketAddress,
  type Connection,
  type DisconnectReason,
} from '@pea2pea/core';
import { lines } from '@pea2pea/codecs';
import { createPeer, OnConnect, OnDisconnect, OnMessage, Peer } from '@pea2pea/decorators';
import { Container, injectable } from 'inversify';

const USAGE = 'usage: chat (--listen <host:port> | --connect <host:port>) --name <name>';

const line = lines({ maxLength: 4096 });

/** What is shown on the terminal. */
@injectable('Singleton')
class Transcript {
  /** A line from somebody else: whatever it holds, it must not control this terminal. */
  said(text: string): void {
    console.log(text.replace(/\p{Cc}/gu, '�'));
  }

  happened(text: string): void {
    console.log(`* ${text}`);
  }
}

/** Hands every line on to everybody but the one it came from. */
@Peer({ codec: line, idleTimeoutMs: 0, maxConnectionsPerIp: 100 })
class ChatPeer {
  constructor(
    private readonly transcript: Transcript,
    private readonly node: PeerNode<string>,
  ) {}

  @OnConnect()
  onJoin(connection: Connection<string>): void {
    this.transcript.happened(`${connection.address} joined`);
  }

  @OnMessage(line)
  onLine(text: string, connection: Connection<string>): void {
    this.transcript.said(text);
    this.node.broadcast(text, { except: connection });
  }

  @OnDisconnect()
  onLeave(connection: Connection<string>, reason: DisconnectReason): void {
    this.transcript.happened(`${connection.address} left (${describeReason(reason)})`);
  }
}

interface Options {
  readonly listen: SocketAddress | undefined;
  readonly connect: SocketAddress | undefined;
  readonly name: string;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: { listen: { type: 'string' }, connect: { type: 'string' }, name: { type: 'string' } },
  });
  const { listen, connect, name } = values;
  if ((listen === undefined) === (connect === undefined))
    throw new Error('give one of --listen and --connect');
  if (name === undefined || name.trim() === '') throw new Error('give a --name');
  const address = (text: string | undefined): SocketAddress | undefined =>
    text === undefined ? undefined : SocketAddress.from(text);
  return { listen: address(listen), connect: address(connect), name };
}

function fail(error: unknown, exitCode: number): never {
  console.error(error instanceof Error ? error.message : String(error));
  if (exitCode === 2) console.error(USAGE);
  process.exit(exitCode);
}

let options: Options;
try {
  options = readOptions();
} catch (error) {
  fail(error, 2);
}

const container = new Container();
container.bind(Transcript).toSelf();
const transcript = container.get(Transcript);

const chat = await createPeer(ChatPeer, {
  container,
  config: { name: options.name },
  listen: options.listen ?? false,
}).catch((error: unknown) => fail(error, 1));
chat.closeOn('SIGINT', 'SIGTERM');

const input = createInterface({ input: process.stdin });
input.on('line', (text) => {
  try {
    chat.node.broadcast(`${options.name}: ${text}`);
  } catch (error) {
    if (!PeerError.is(error)) throw error;
    transcript.happened(`not sent: ${error.message}`);
  }
});

if (options.listen !== undefined) transcript.happened(`listening at ${chat.address}`);
if (options.connect !== undefined) {
  const connection = await chat.node.connect(options.connect).catch((error: unknown) => fail(error, 1));
  void connection.closed.then(() => chat.close());
  input.on('close', () => void chat.close());
}

await chat.closed;
process.stdin.destroy();
