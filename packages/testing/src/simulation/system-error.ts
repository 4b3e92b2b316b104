const WORDS = {
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the other side has closed the connection',
  ECONNREFUSED: 'the connection was refused',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'the address is not available',
  ECANCELED: 'the stream was closed',
} as const;

/** A code of the operating system that the network gives. */
export type SystemCode = keyof typeof WORDS;

/** An error as the system would give it: `code` and `syscall` are those of Node. */
export function systemError(code: SystemCode, syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${syscall} ${code}: ${WORDS[code]}`), { code, syscall });
}
