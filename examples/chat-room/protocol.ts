import { json, lines, tagged, type TaggedMessage } from '@pea2pea/codecs';
import { z } from 'zod';

const name = z.string().regex(/^[\w-]{1,20}$/, 'must be 1 to 20 letters, digits, _ or -');
/** No control characters: a message must not control the terminal that shows it. */
const text = z.string().regex(/^\P{Cc}{1,500}$/u, 'must be 1 to 500 characters, all on one line');

/** What somebody says, whichever way it comes in. */
export const Words = z.object({ from: name, text });

const members = {
  // What clients send
  enter: z.object({ room: name, nick: name }),
  say: z.object({ text }),
  // What the server sends
  entered: z.object({ room: name, nicks: z.array(name) }),
  said: z.object({ from: name, text, at: z.iso.datetime() }),
  refused: z.object({ why: z.string() }),
};

/** JSON, a message a line, so that `nc` can take part: `{"type":"enter","room":"lobby","nick":"ann"}` */
export const chat = tagged(members, { over: json(lines({ maxLength: 4096 })) });

export type ChatMessage = TaggedMessage<typeof members>;
export type Enter = Extract<ChatMessage, { type: 'enter' }>;
export type Say = Extract<ChatMessage, { type: 'say' }>;
export type Said = Extract<ChatMessage, { type: 'said' }>;
