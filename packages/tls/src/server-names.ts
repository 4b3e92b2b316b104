import type { SecureContext } from 'node:tls';

/** The callback by which `node:tls` asks which certificate to show; without a context the server shows its own. */
export type SniCallback = (
  servername: string,
  callback: (error: Error | null, context?: SecureContext) => void,
) => void;

/**
 * Looks up a server name in `contexts`, whose keys are in lower case. `*.example.org` covers names with one label in place
 * of the asterisk; an entry for the name itself takes precedence.
 *
 * note: the lookup of `node:tls` itself distinguishes case, and the entry added last wins.
 */
export function byServerName(contexts: ReadonlyMap<string, SecureContext>): SniCallback {
  return (servername, callback) => {
    const name = servername.toLowerCase(); // DNS ignores case (RFC 4343)
    callback(null, contexts.get(name) ?? contexts.get(name.replace(/^[^.]+/, '*')));
  };
}
