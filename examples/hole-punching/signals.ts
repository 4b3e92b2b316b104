import { json, lines, tagged, unchecked, type TaggedMessage } from '@pea2pea/codecs';
import { z } from 'zod';

const name = z.string().regex(/^[a-z]{1,20}$/);

const members = {
  // What visitors say
  join: z.object({ name }),
  /** The visitor waits for `go`. */
  ready: unchecked<object>(),
  // What the rendezvous says
  /** `address` is what the rendezvous sees; `secret`, in hexadecimal digits, is known to nobody but the two. */
  partner: z.object({ name, address: z.string().max(64), secret: z.string().regex(/^[\da-f]{64}$/) }),
  go: unchecked<object>(),
};

/** Between a visitor and the rendezvous. */
export const signals = tagged(members, { over: json(lines({ maxLength: 1024 })) });
export type Signal = TaggedMessage<typeof members>;
export type Only<Type extends Signal['type']> = Extract<Signal, { type: Type }>;
