import {
  contextKey,
  NEED_MORE,
  PeerError,
  type AnyConnection,
  type Codec,
  type DisconnectReason,
} from '@pea2pea/core';
import { printable } from '@pea2pea/core/authoring';

/** What a side says when it ends a connection. */
export interface Goodbye {
  /** For people: what `disconnect` was given, or the kind of the end. Of a peer: a line without control characters. */
  readonly why: string;
  /** The code of the error that the connection ended with. Of a peer: letters, digits and `_`. */
  readonly code?: string;
}

const GOODBYE = contextKey<Goodbye>('goodbye');
const MAX_WHY = 1_000;
const CODE = /^\w{1,100}$/;

/** What the peer said when it ended the connection; undefined where it said nothing, or not yet. */
export function goodbyeOf(connection: AnyConnection): Goodbye | undefined {
  return connection.context.get(GOODBYE);
}

export function keepGoodbye(connection: AnyConnection, goodbye: Goodbye): void {
  connection.context.set(GOODBYE, goodbye);
}

/** What the peer is told of the reason; undefined where there is nothing to say. Of errors of this side, no more than their kind. */
export function goodbyeFor(reason: DisconnectReason): Goodbye | undefined {
  const { origin } = reason;
  if (origin === 'user')
    return { why: reason.why ?? 'disconnected', ...(reason.error && { code: reason.error.code }) };
  if (origin === 'writing' || origin === 'detached') return undefined;
  if (origin !== 'reading') return { why: origin };
  const { cause: why, error } = reason;
  if (why === 'ended' || why === 'stream-error') return undefined;
  return why === 'invalid-frame' && PeerError.is(error) ? { why, code: error.code } : { why };
}

/** Lines of JSON would do; a goodbye is `code LF why`, so that nothing has to be parsed. */
export const goodbyeCodec: Codec<Goodbye> = {
  statelessEncoder: true,
  decoder: () => ({
    decode(input) {
      if (input.length === 0) return NEED_MORE;
      if (input.length > 4 * MAX_WHY) throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', 'a goodbye is too long');
      const text = input.readText(input.length);
      const at = text.indexOf('\n');
      if (at === -1) throw new PeerError('P2P_ERR_INVALID_FRAME', 'a goodbye has no code and no reason');
      // A stranger's words, which end up in logs and on terminals. INVARIANT: foreign-values-are-harmless.
      const why = printable(text.slice(at + 1, at + 1 + MAX_WHY), MAX_WHY);
      const code = text.slice(0, at);
      return CODE.test(code) ? { why, code } : { why };
    },
  }),
  encoder: () => ({
    encode({ why, code = '' }, output) {
      output.writeText(`${code}\n${why.slice(0, MAX_WHY)}`);
    },
  }),
};
