/** Packages without a page and a report of their own so far; a list that only gets shorter. */
export const FACELESS: readonly string[] = ['policies', 'rpc', 'noise', 'tls'];
