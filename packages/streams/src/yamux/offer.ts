import { isPromise, whenSettled } from '@pea2pea/core/authoring';
import type { YamuxStream } from './stream.js';

/**
 * Calls `onStream` with a stream of the peer, then `ended` once, when it and its promise are done: with what it threw or
 * rejected with, or with nothing.
 */
export function offer(
  stream: YamuxStream,
  onStream: (stream: YamuxStream) => unknown,
  ended: (failure?: { readonly error: unknown }) => void,
): void {
  let handling: unknown;
  try {
    handling = onStream(stream);
  } catch (error) {
    ended({ error });
    return;
  }
  // From JavaScript anything may come, such as the stream of a pipe().
  if (!isPromise(handling)) ended();
  else
    whenSettled(
      handling,
      () => ended(),
      (error) => ended({ error }),
    );
}
