import { json, lines } from '@pea2pea/codecs';
import type { Codec } from '@pea2pea/core';

/** What members say to each other. A term is numbered, and has one leader at most. */
export type Message =
  /** Asks for a vote. */
  | { readonly kind: 'candidate'; readonly term: number; readonly from: string }
  /** Gives it. */
  | { readonly kind: 'vote'; readonly term: number; readonly from: string }
  /** Says that it leads. */
  | { readonly kind: 'leader'; readonly term: number; readonly from: string };

export const codec: Codec<Message> = json<Message>(lines());
