import { memoryTransport, NEED_MORE, type Codec, type Connection, type PeerNode } from '@pea2pea/core';
import { createPeer, type PeerConfig, type StandardResult, type StandardSchemaV1 } from '@pea2pea/decorators';
import { lab, silentLogger, textCodec } from '@pea2pea/testing';
import { dialler, inMemory } from './lab.js';

const { own } = lab();

export class Join {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
export class Moderate extends Join {}

/** One JSON value a line; `["Join", "ann"]` and `["Moderate", "ann"]` become instances. */
export function messageCodec(): Codec<unknown> {
  const text = textCodec();
  return {
    decoder: (context) => {
      const decoder = text.decoder(context);
      return {
        decode(input) {
          const line = decoder.decode(input);
          return line === NEED_MORE ? NEED_MORE : revived(JSON.parse(line));
        },
      };
    },
    encoder: text.encoder,
  };
}

function revived(value: unknown): unknown {
  const [kind, name] = Array.isArray(value) ? (value as string[]) : [];
  if (kind === 'Join') return new Join(name!);
  return kind === 'Moderate' ? new Moderate(name!) : value;
}

type Answer<Output> = StandardResult<Output> | Promise<StandardResult<Output>>;

/** A Standard Schema made by hand. */
export function schemaOf<Output>(
  validate: (value: unknown) => Answer<Output>,
): StandardSchemaV1<unknown, Output> {
  return { '~standard': { version: 1, vendor: 'by hand', validate } };
}

/** Takes texts that are a number, and makes one of them. */
export const numeric = schemaOf<number>((value) => {
  const number = typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isNaN(number) ? { issues: [{ message: 'no number' }] } : { value: number };
});

/** Takes `{ command }`. */
export const command = schemaOf<{ readonly command: string }>((value) => {
  const { command: name } = Object(value) as { readonly command?: unknown };
  if (typeof name === 'string') return { value: { command: name } };
  return { issues: [{ message: `expected a text, not ${typeof name}`, path: ['command'] }] };
});

/** A peer that writes down what its methods were called with. */
export class Recorder {
  readonly calls: unknown[][] = [];
  note(...call: unknown[]): void {
    this.calls.push(call);
  }
}

/** `Class`, listening in memory, with a connection to it; `send` sends JSON, `dial` makes further connections. */
export async function talkTo<T extends object>(Class: new () => T, config: PeerConfig = {}) {
  const transport = memoryTransport();
  const nodes: PeerNode<string>[] = [];
  const handle = own(
    await createPeer(Class, {
      config: { ...inMemory(transport), logger: silentLogger, ...config },
    }),
  );
  const dial = (): Promise<Connection<string>> => {
    const node = dialler(transport);
    nodes.push(node);
    return node.connect(handle.address!);
  };
  const connection = await dial();
  return {
    handle,
    peer: handle.peer,
    connection,
    dial,
    send: (...messages: unknown[]) =>
      Promise.all(messages.map((message) => connection.send(JSON.stringify(message)))),
    async [Symbol.asyncDispose]() {
      await Promise.all([handle, ...nodes].map((one) => one.close()));
    },
  };
}
