import { lookup } from 'node:dns/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PeerError } from '../errors/errors.js';
import { SocketAddress } from '../net/socket-address.js';
import { markOwnMemory } from './own-memory.js';
import { resetStream } from './reset.js';
import { listenAtPath, nextPeerNumber, requireUsable } from './socket-file.js';
import type {
  Link,
  Transport,
  TransportConnectOptions,
  TransportListenEvents,
  TransportListener,
  TransportListenOptions,
} from '../contracts/transport.js';

/** TCP over `node:net`; and Unix sockets and named pipes, where an address is a path. */
export function tcpTransport(): Transport {
  return { name: 'tcp', listen, resolve, connect: dial };
}

class TcpLink implements Link {
  readonly stream: Socket;
  readonly address: SocketAddress;
  #localAddress: SocketAddress | undefined;
  readonly #bestKnown: SocketAddress | undefined;
  /** The callback of a socket write comes after the bytes went to the system. */
  readonly reusesBuffers = true;
  readonly neverReenters = true;

  /** @param bestKnown the local address of a socket that has none: where it was accepted, or the path that was dialled */
  constructor(socket: Socket, address: SocketAddress, bestKnown?: SocketAddress) {
    this.stream = socket;
    this.address = address;
    this.#bestKnown = bestKnown;
    markOwnMemory(socket);
    // Whoever uses the stream listens for errors, too; this one keeps an error in between from ending the process.
    socket.on('error', socketOnError);
  }

  /** A call of the system, which most connections can do without. */
  get localAddress(): SocketAddress {
    const { localAddress, localPort } = this.stream;
    return (this.#localAddress ??= addressOf(localAddress, localPort)) ?? this.#bestKnown ?? UNKNOWN;
  }

  reset(): void {
    resetStream(this.stream);
  }
}

/** The address of a socket that is gone. */
const UNKNOWN = new SocketAddress('0.0.0.0', 0);

function socketOnError(): void {}

/** The address of one end, or undefined when the socket has none any more (the peer is gone). */
function addressOf(host: string | undefined, port: number | undefined): SocketAddress | undefined {
  return host === undefined || port === undefined ? undefined : new SocketAddress(host, port);
}

function resolve(address: SocketAddress): readonly SocketAddress[] | Promise<readonly SocketAddress[]> {
  if (address.path !== undefined) return [address];
  if (address.isWildcard) return [loopbackOf(address)];
  return address.isIp ? [withNamedZone(address)] : lookUp(address);
}

/** Where the system takes a dial to a wildcard: under one name only, a peer has one share and one connection. */
function loopbackOf({ host, port }: SocketAddress): SocketAddress {
  return new SocketAddress(host.includes(':') ? '::1' : '127.0.0.1', port);
}

/** A zone may be written as a number (`fe80::1%2`); the system names it (`fe80::1%eth0`), but for Windows. */
function withNamedZone(address: SocketAddress): SocketAddress {
  const [, host, zone] = /^(.+)%(\d+)$/.exec(address.host) ?? [];
  if (zone === undefined || process.platform === 'win32') return address;
  for (const [name, infos] of Object.entries(networkInterfaces())) {
    if (infos?.some((info) => info.family === 'IPv6' && info.scopeid === Number(zone)) === true) {
      return new SocketAddress(`${host}%${name}`, address.port);
    }
  }
  return address;
}

async function lookUp(address: SocketAddress): Promise<readonly SocketAddress[]> {
  if (isNetworkForbidden()) throw forbidden('P2P_ERR_CONNECT_FAILED', `resolve the name ${address.host}`);
  try {
    const found = await lookup(address.host, { all: true });
    return found.map(({ address: ip }) => new SocketAddress(ip, address.port));
  } catch (cause) {
    throw new PeerError('P2P_ERR_CONNECT_FAILED', `the name ${address.host} could not be resolved`, {
      cause,
      remedy: 'check the name, and whether this machine can resolve names',
    });
  }
}

/**
 * Whether Node's permission model keeps this process from the network. It does so from Node 25 on, which has
 * `--allow-net`; older ones say no to the question and let everybody through.
 *
 * note: to be asked before a server listens: what that throws then, nobody can catch.
 */
function isNetworkForbidden(): boolean {
  // It is newer than the types of the oldest Node that is supported.
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  if (permission === undefined || permission.has('net')) return false;
  return process.allowedNodeEnvironmentFlags.has('--allow-net');
}

function forbidden(code: 'P2P_ERR_LISTEN_FAILED' | 'P2P_ERR_CONNECT_FAILED', what: string): PeerError {
  return new PeerError(code, `cannot ${what}: the permission model of Node forbids it`, {
    remedy: 'start it with --allow-net',
  });
}

async function listen(
  options: TransportListenOptions,
  events: TransportListenEvents,
): Promise<TransportListener> {
  if (isNetworkForbidden()) throw forbidden('P2P_ERR_LISTEN_FAILED', `listen at ${options.address}`);
  const { path } = options.address;
  if (path !== undefined) requireUsable(options.address);
  else if (options.reusePort && !hasReusePort()) {
    throw new PeerError('P2P_ERR_UNSUPPORTED', `Node ${process.version} has no port sharing (reusePort)`);
  }
  // allowHalfOpen: when the peer has finished sending we may still have last words for it.
  const server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: options.noDelay,
    keepAlive: options.keepAlive,
  });
  // No connection is taken before the turn in which it begins to listen has ended.
  const listening = await (path === undefined ? startServer(server, options) : startAtPath(server, options));
  server.on('connection', (socket: Socket) => {
    const address =
      path === undefined
        ? addressOf(socket.remoteAddress, socket.remotePort)
        : SocketAddress.ofPath(path, nextPeerNumber());
    if (address === undefined) {
      socket.destroy();
      events.onPeerGone();
    } else {
      events.onLink(new TcpLink(socket, address, listening));
    }
  });
  server.on('error', (error) => events.onAcceptError(error));
  return {
    address: listening,
    close: () => new Promise((done) => server.close(() => done())),
  };
}

async function startAtPath(
  server: Server,
  { address, backlog }: TransportListenOptions,
): Promise<SocketAddress> {
  const path = address.path!;
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path, backlog }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  const knock = (): Promise<string | undefined> =>
    new Promise((resolve) => {
      const socket = connect({ path });
      socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
      socket.once('connect', () => {
        socket.destroy();
        resolve(undefined);
      });
    });
  await listenAtPath(address, { listen, knock });
  return SocketAddress.ofPath(path);
}

function startServer(server: Server, options: TransportListenOptions): Promise<SocketAddress> {
  const { address, backlog, reusePort } = options;
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      const isElsewhere = (cause as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL';
      const options = isElsewhere
        ? { cause, remedy: 'listen at an address of this machine, or at 0.0.0.0 or ::' }
        : { cause };
      reject(
        new PeerError('P2P_ERR_LISTEN_FAILED', `cannot listen at ${address}: ${cause.message}`, options),
      );
    };
    server.once('error', onError);
    // `reusePort` is newer than the types of the oldest Node that is supported.
    const listenOptions = {
      host: address.host,
      port: address.port,
      backlog,
      ...(reusePort && { reusePort }),
    };
    server.listen(listenOptions, () => {
      server.off('error', onError);
      const bound = server.address() as AddressInfo;
      resolve(new SocketAddress(bound.address, bound.port));
    });
  });
}

/** Port sharing came with Node 22.12 and 23.1, and not to every platform (Node.js documentation, `server.listen`). */
function hasReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const inRuntime = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  return inRuntime && ['linux', 'freebsd', 'sunos', 'aix'].includes(process.platform);
}

function dial(address: SocketAddress, options: TransportConnectOptions): Promise<Link> {
  const { cancellation, noDelay, keepAlive, localAddress, localPort } = options;
  return new Promise((resolve, reject) => {
    cancellation.throwIfCancelled();
    if (isNetworkForbidden()) throw forbidden('P2P_ERR_CONNECT_FAILED', `connect to ${address}`);
    const { host, port, path } = address;
    if (path !== undefined) requireUsable(address);
    const socket =
      path === undefined
        ? connect({
            host,
            port,
            allowHalfOpen: true,
            noDelay,
            keepAlive,
            ...(localAddress !== undefined && { localAddress }),
            ...(localPort !== undefined && { localPort }),
          })
        : connect({ path, allowHalfOpen: true });
    socket.pause();
    const onCancel = (): void => {
      settle();
      socket.on('error', socketOnError);
      socket.once('close', () => reject(cancellation.reason!));
      socket.destroy();
    };
    const onError = (cause: Error): void => {
      settle();
      reject(
        new PeerError('P2P_ERR_CONNECT_FAILED', `cannot connect to ${address}: ${cause.message}`, { cause }),
      );
    };
    const onConnect = (): void => {
      settle();
      if (!metItself(socket, address.port)) {
        resolve(new TcpLink(socket, address, path === undefined ? undefined : address));
        return;
      }
      socket.on('error', socketOnError);
      socket.resetAndDestroy();
      const what = `cannot connect to ${address}: nobody listens there, and the dial met itself`;
      reject(new PeerError('P2P_ERR_CONNECT_FAILED', what));
    };
    const settle = (): void => {
      cancellation.remove(onCancel);
      socket.off('error', onError);
      socket.off('connect', onConnect);
    };
    cancellation.add(onCancel);
    socket.once('error', onError);
    socket.once('connect', onConnect);
  });
}

/**
 * Whether both ends of the connection are this one socket. A dial from the very port that it goes to opens such a
 * connection (RFC 9293, section 3.5), and where nobody listens the system may pick that port by chance.
 */
function metItself(socket: Socket, dialledPort: number): boolean {
  return socket.localPort === dialledPort && socket.localAddress === socket.remoteAddress;
}
