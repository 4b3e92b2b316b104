/** Packages that are on the move: their pages and reports are made when they have arrived. */
export const FACELESS: readonly string[] = ['plugins', 'policies', 'rpc', 'noise', 'tls'];
