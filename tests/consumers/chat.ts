// A program of somebody else: it knows the packages as they are published. tests/consumers.test.ts builds it with the
// tools that people use, in both modes of decorators, and runs what comes out.
import { setImmediate as turn } from 'node:timers/promises';
import { json, lines, mapCodec } from '@pea2pea/codecs';
import { describeReason, type Connection, type DisconnectReason, type Handshake } from '@pea2pea/core';
import { createPeer, OnDisconnect, OnHandshake, OnMessage, Peer } from '@pea2pea/decorators';
import { Container, injectable } from 'inversify';
import { z } from 'zod';

/** Says which mode it was compiled in: a tool may take the other one without a word. */
let mode = 'none';
function probe(_target: unknown, context?: unknown): void {
  mode = context === undefined ? 'legacy' : 'standard';
}

class Join {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const reminder = z.object({ at: z.iso.datetime().transform((text) => new Date(text)) });

/** Instances of Join travel as `{ "join": name }`. */
const codec = mapCodec(json(lines()), {
  decode: (message) =>
    typeof message === 'object' && message !== null && 'join' in message
      ? new Join(String(message.join))
      : message,
  encode: (message: unknown) => (message instanceof Join ? { join: message.name } : message),
});

@injectable('Singleton')
class Transcript {
  write(line: string): void {
    console.log(line);
  }
}

class Greeter {
  @OnHandshake()
  async exchangeMagic(handshake: Handshake): Promise<void> {
    const [magic] = await Promise.all([handshake.read(4), handshake.write('CHAT')]);
    if (String(magic) !== 'CHAT') handshake.reject('that is no chat');
  }
}

@probe
@Peer({ codec, listen: { host: '127.0.0.1', port: 0 }, inject: [Transcript] })
class Bob extends Greeter {
  constructor(private readonly transcript: Transcript) {
    super();
  }

  @OnMessage(Join)
  onJoin({ name }: Join): void {
    this.transcript.write(`class: ${name} joins`);
  }

  @OnMessage(reminder)
  onReminder({ at }: { at: Date }): void {
    this.transcript.write(`schema: remind in ${at.getUTCFullYear()}`);
  }

  @OnMessage((message: unknown) => typeof message === 'string')
  async onText(text: string, connection: Connection<unknown>): Promise<void> {
    this.transcript.write(`guard: ${text}`);
    await connection.send(`you said ${text}`);
  }

  @OnDisconnect()
  onGone(_connection: Connection<unknown>, reason: DisconnectReason): void {
    this.transcript.write(`gone: ${describeReason(reason)}`);
  }
}

@Peer({ codec, inject: [Transcript] })
class Alice extends Greeter {
  constructor(private readonly transcript: Transcript) {
    super();
  }

  @OnMessage(codec)
  async onAnswer(answer: unknown, connection: Connection<unknown>): Promise<void> {
    this.transcript.write(`answer: ${String(answer)}`);
    await connection.disconnect('all is said');
  }
}

const container = new Container();
container.bind(Transcript).toSelf();

console.log(`decorators: ${mode}`);
const bob = await createPeer(Bob, { container });
const alice = await createPeer(Alice, { container });
const connection = await alice.node.connect(bob.address!);
for (const message of [new Join('alice'), { at: '2031-05-01T10:00:00Z' }, 'hello']) {
  await connection.send(message);
}
await connection.closed;
await alice.close();
while (bob.node.connections.size > 0) await turn(); // until Bob has seen it, too
await bob.close();
