import type { SecureContext } from 'node:tls';

/** As `node:tls` asks which certificate to show; undefined means the one of the server itself. */
export type SniCallback = (
  servername: string,
  callback: (error: Error | null, context?: SecureContext) => void,
) => void;

/**
 * Finds the context for a server name among `contexts`, by names in lower case. `*.example.org` stands for names with one
 * label in place of the asterisk. A name that is there itself comes before it.
 *
 * note: that of `node:tls` tells upper from lower case, and has what was added last win.
 */
export function byServerName(contexts: ReadonlyMap<string, SecureContext>): SniCallback {
  return (servername, callback) => {
    const name = servername.toLowerCase(); // DNS knows no case (RFC 4343)
    callback(null, contexts.get(name) ?? contexts.get(name.replace(/^[^.]+/, '*')));
  };
}
