import type { Codec, Random } from '@pea2pea/core';

/** What is sent in place of a message. */
export type Alter = (message: unknown, random: Random) => readonly unknown[];

type Fields = Readonly<Record<string, unknown>>;

const hasFields = (message: unknown): message is Fields =>
  typeof message === 'object' && message !== null && Object.getPrototypeOf(message) === Object.prototype;

const pick = <T>(list: readonly T[], random: Random): T | undefined =>
  list[Math.floor(random.next() * list.length)];

/** What can be wrong with messages, by name. Those of bytes or strings are altered where it says so only. */
export const MESSAGE_MISCHIEFS = {
  'answers-twice': {
    sentence: 'sends each message twice, each complete',
    make: () => (message) => [message, message],
  },
  'answers-another': {
    sentence: 'gives messages that have an `id` another one',
    make: () => (message, random) => [
      hasFields(message) && 'id' in message ? { ...message, id: Math.floor(random.next() * 1_000) } : message,
    ],
  },
  'answers-none': {
    sentence: 'sends no message that has a `result` or an `error`',
    make: () => (message) =>
      hasFields(message) && ('result' in message || 'error' in message) ? [] : [message],
  },
  'forgets-a-field': {
    sentence: 'leaves out a field of each message',
    make: () => (message, random) => {
      if (!hasFields(message)) return [message];
      const forgotten = pick(Object.keys(message), random);
      return [Object.fromEntries(Object.entries(message).filter(([name]) => name !== forgotten))];
    },
  },
  'mistakes-a-type': {
    sentence: 'gives a field of each message a value of another type',
    make: () => (message, random) => {
      if (!hasFields(message)) return [message];
      const mistaken = pick(Object.keys(message), random);
      if (mistaken === undefined) return [message];
      return [{ ...message, [mistaken]: pick([null, [], {}, '', -1, true], random) }];
    },
  },
  'goes-back': {
    sentence: 'sends each message once more, after the next',
    make: () => {
      let last: unknown;
      return (message) => {
        const again = last === undefined ? [message] : [message, last];
        last = message;
        return again;
      };
    },
  },
} as const satisfies Readonly<Record<string, { readonly sentence: string; readonly make: () => Alter }>>;

/** The name of one of {@link MESSAGE_MISCHIEFS}. */
export type MessageMischiefName = keyof typeof MESSAGE_MISCHIEFS;

/** A codec that reads as `codec` does, and writes other messages than it is given. */
export function alteredCodec<In, Out>(
  codec: Codec<In, Out>,
  make: () => Alter,
  random: Random,
): Codec<In, Out> {
  return {
    decoder: (context) => codec.decoder(context),
    encoder: (context) => {
      const encoder = codec.encoder(context);
      const alter = make();
      return {
        encode(message, output) {
          for (const sent of alter(message, random)) encoder.encode(sent as Out, output);
        },
      };
    },
  };
}
