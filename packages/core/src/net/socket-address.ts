import { describe, printable } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import { formatIp, isCanonicalIpv4, isLoopback, isWildcard, parseIp } from './ip-address.js';
import { IpPrefix } from './ip-prefix.js';
import { canonicalPath, formatPath, parsePath } from './socket-path.js';

/** The longest name that can be looked up, in characters: RFC 1035, section 2.3.4, without the dot at its end. */
const MAX_NAME = 253;

/**
 * What users may write where an address is wanted: `'127.0.0.1:4000'`, `'[::1]:4000'`, `{ host, port }`; and for a Unix socket or a
 * named pipe, `{ path: '/run/app.sock' }`, `'unix:/run/app.sock'`.
 */
export type AddressLike =
  string | { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * A host and a port, or the path of a Unix socket or named pipe, as a value: two addresses are the same if their strings are.
 *
 * note: IP addresses are kept in canonical form, and IPv4-mapped IPv6 is folded to IPv4,
 * so `::ffff:127.0.0.1` and `127.0.0.1` are one host.
 * note: a host name is kept as it is, in lower case; a transport resolves it when it dials. It has 253 characters at most,
 * and none that cannot be printed.
 * note: with a path, `host` is the path, too, and `port` is 0. Who connects to a path has no address: inbound peers of a path are
 * numbered, in this process, and `port` is that number. Limits and bans by IP address do not apply to a path.
 */
export class SocketAddress {
  /** An IP address without brackets, or a host name; the path, where it is one. */
  readonly host: string;
  /** 0 to 65535; 0 means "pick one" where a node is told to listen. With a path, 0 or the number of an inbound peer. */
  readonly port: number;
  #isPath = false;

  /** @throws {PeerError} P2P_ERR_INVALID_ADDRESS when the host is not one, or the port is not a port. */
  constructor(host: string, port: number) {
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw invalidAddress(`${describe(port)} is not a port`);
    }
    this.host = typeof host === 'string' && isCanonicalIpv4(host) ? host : canonicalHost(host);
    this.port = port;
  }

  /**
   * The address of a Unix socket or named pipe; or of an inbound peer that connected to it, for transports, which number them.
   *
   * note: an abstract socket of Linux begins with a zero byte: `'\0app'`, which is written `unix:@app`.
   * @default peer 0, the path itself
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  static ofPath(path: string, peer = 0): SocketAddress {
    if (!Number.isSafeInteger(peer) || peer < 0)
      throw invalidAddress(`${describe(peer)} is not the number of a peer`);
    const address = new SocketAddress('localhost', 0);
    Object.assign(address, { host: canonicalPath(path), port: peer });
    address.#isPath = true;
    return address;
  }

  /**
   * The address that `value` names.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  static from(value: AddressLike): SocketAddress {
    if (value instanceof SocketAddress) return value;
    if (typeof value === 'string') return parseText(value);
    if (typeof value === 'object' && value !== null) {
      const { path } = value as { readonly path?: string };
      if (path !== undefined) return SocketAddress.ofPath(path);
      const { host, port } = value as { readonly host: string; readonly port: number };
      return new SocketAddress(host, port);
    }
    throw invalidAddress(`${describe(value)} is not an address`);
  }

  /** The path, where the address is that of a Unix socket or a named pipe. */
  get path(): string | undefined {
    return this.#isPath ? this.host : undefined;
  }

  /** Whether the host is an IP address, so that no name has to be looked up. */
  get isIp(): boolean {
    return isCanonicalIpv4(this.host) || parseIp(this.host) !== undefined;
  }

  /** Whether the host stands for every address of the machine: `0.0.0.0` or `::`. */
  get isWildcard(): boolean {
    const ip = parseIp(this.host);
    return ip !== undefined && isWildcard(ip);
  }

  /** Whether the host is this machine talking to itself: `127.0.0.0/8` or `::1`. */
  get isLoopback(): boolean {
    const ip = parseIp(this.host);
    return ip !== undefined && isLoopback(ip);
  }

  /**
   * The group that per-IP limits count this address in: a host name itself, an IP address as {@link IpPrefix.ofHost}
   * has it. An address with a path is a group of its own.
   */
  limitGroup(ipv6PrefixLength: number): string {
    if (this.#isPath) return this.toString();
    const ip = this.host.includes(':') ? parseIp(this.host) : undefined;
    return ip === undefined ? this.host : IpPrefix.ofHost(ip, ipv6PrefixLength).toString();
  }

  /**
   * Whether a dial to `dialled` reaches who listens here, as far as the addresses tell.
   *
   * note: for a wildcard the loopback addresses of its family are known, with `::` those of both families; another
   * address of the same machine is not.
   */
  isReachedBy(dialled: SocketAddress): boolean {
    if (this.#isPath || dialled.#isPath) return this.path === dialled.path;
    if (this.port !== dialled.port) return false;
    if (this.host === dialled.host) return true;
    const [own, there] = [parseIp(this.host), parseIp(dialled.host)];
    if (own === undefined || there === undefined) return false;
    // A dial to a wildcard goes to the loopback address of its family.
    const isHere = isLoopback(there) || isWildcard(there);
    if (isWildcard(own)) return isHere && (own.version === 6 || there.version === 4);
    return isWildcard(there) && this.host === (there.version === 4 ? '127.0.0.1' : '::1');
  }

  /** `host:port`, with brackets around IPv6; `unix:` or `pipe:` and the path, with `#` and the number of a peer. */
  toString(): string {
    if (this.#isPath) return formatPath(this.host, this.port);
    return this.host.includes(':') ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  /** The address as a string: {@link toString}. */
  toJSON(): string {
    return this.toString();
  }
}

/** @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
function canonicalHost(host: string): string {
  const isText = typeof host === 'string' && host !== '' && !/[\s[\]]/.test(host) && isPrintable(host);
  const ip = isText ? parseIp(host) : undefined;
  if (!isText || (ip === undefined && host.includes(':'))) {
    throw invalidAddress(`${describe(host)} is not a host`);
  }
  const canonical = ip === undefined ? host.toLowerCase() : formatIp(ip);
  return canonical === host ? host : canonical; // the same characters, and one string less a connection
}

/** It becomes part of log lines and errors as it is, and may come from a peer. INVARIANT: foreign-values-are-harmless. */
function isPrintable(host: string): boolean {
  return printable(host, MAX_NAME) === host;
}

function parseText(text: string): SocketAddress {
  const asPath = parsePath(text.trim());
  if (asPath !== undefined) return SocketAddress.ofPath(asPath.path, asPath.peer);
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim());
  if (match === null) throw invalidAddress(`${describe(text)} is not an address`);
  return new SocketAddress((match[1] ?? match[2])!, Number(match[3]));
}

function invalidAddress(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_ADDRESS', what);
}
