import { invalidConfig, requireKnown } from '../authoring/checks.js';
import type { ResolvedConfig } from '../contracts/config.js';
import { PeerError } from '../errors/errors.js';
import { SocketAddress } from '../net/socket-address.js';

const WHAT = 'the options of listen()';

/** Where to listen: at a host and port, or at a path. */
export interface ListenOptions {
  /** An IP address, a name, or a wildcard: `0.0.0.0`, `::`. @default the host of `listen` in the configuration */
  readonly host?: string | undefined;
  /** 0 picks one. @default the port of `listen` in the configuration */
  readonly port?: number | undefined;
  /**
   * In place of both, the path of a Unix socket, such as `/run/app.sock`, or of a named pipe of Windows.
   *
   * note: the file is removed when the node stops listening. One that a process left behind is replaced.
   * note: who may connect is up to the permissions of the file and its folder.
   * @default the path of `listen` in the configuration
   */
  readonly path?: string | undefined;
}

const OPTIONS = ['host', 'port', 'path'] as const satisfies readonly (keyof ListenOptions)[];

/** Where to listen: what was given, filled in from the configuration. */
export interface ListenTarget {
  readonly address: SocketAddress;
  /** Whether nothing was given: it is the place of the configuration. */
  readonly isUsual: boolean;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, P2P_ERR_INVALID_ADDRESS, P2P_ERR_NO_LISTEN_ADDRESS */
export function checkListen(
  options: ListenOptions,
  { listen: usual, name }: Pick<ResolvedConfig, 'listen' | 'name'>,
): ListenTarget {
  if (options instanceof SocketAddress) return { address: options, isUsual: false };
  requireKnown(WHAT, options, OPTIONS);
  const { host, port, path } = options;
  const isUsual = host === undefined && port === undefined && path === undefined;
  if (isUsual && usual !== undefined) return { address: usual, isUsual };
  if (path !== undefined) {
    if (host === undefined && port === undefined) return { address: SocketAddress.ofPath(path), isUsual };
    throw invalidConfig(`${WHAT} have a \`path\`, and a \`host\` or \`port\`: make it two calls`);
  }
  const [usualHost, usualPort] = usual?.path === undefined ? [usual?.host, usual?.port] : [];
  const address = [host ?? usualHost, port ?? usualPort] as const;
  if (address[0] === undefined || address[1] === undefined) {
    throw new PeerError('P2P_ERR_NO_LISTEN_ADDRESS', `the node ${name} has no address to listen at`);
  }
  return { address: new SocketAddress(address[0], address[1]), isUsual };
}
