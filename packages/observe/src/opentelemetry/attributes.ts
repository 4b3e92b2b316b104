import { diag, type Attributes } from '@opentelemetry/api';
import { PeerError, type Connection, type SocketAddress } from '@pea2pea/core';
import { describe, readData } from '@pea2pea/core/authoring';
import type { ResolvedOptions } from './options.js';
import { OTHER } from '../metrics/few-names.js';

// By the semantic conventions.
export const RPC_SYSTEM = 'rpc.system.name';
export const RPC_METHOD = 'rpc.method';
export const RPC_STATUS_CODE = 'rpc.response.status_code';
export const RPC_VERSION = 'jsonrpc.protocol.version';
export const RPC_REQUEST_ID = 'jsonrpc.request.id';
export const ERROR_TYPE = 'error.type';
// Our own.
export const NODE = 'pea2pea.node';
export const CONNECTION = 'pea2pea.connection.id';
export const DIRECTION = 'pea2pea.connection.direction';

/** The codes of JSON-RPC and of `RPC_CODES`: a peer may respond with any other integer. */
const KNOWN_CODES = new Set([-32700, -32600, -32601, -32602, -32603, -32000, -32001, -32800]);
const INTERNAL_ERROR = -32603;

/**
 * What an error says about its kind: the code of a PeerError, or of the response to a request.
 *
 * @param reach `bounded` for metrics: codes that a peer can choose are `_OTHER`
 */
export function errorAttributes(error: unknown, reach: 'bounded' | 'any'): Attributes {
  if (!PeerError.is(error)) return { [ERROR_TYPE]: OTHER };
  if (!isRequestError(error)) return { [ERROR_TYPE]: error.code };
  const code = readData(error, 'rpcCode') as number;
  const shown = reach === 'any' || KNOWN_CODES.has(code) ? String(code) : OTHER;
  return { [ERROR_TYPE]: shown, [RPC_STATUS_CODE]: shown };
}

/** The same for what a method threw: the caller gets the code of a RequestError that is its own, else that of an internal error. */
export function servedErrorAttributes(error: unknown, reach: 'bounded' | 'any'): Attributes {
  const isForCaller = PeerError.is(error) && isRequestError(error) && readData(error, 'from') === undefined;
  if (isForCaller) return errorAttributes(error, reach);
  return { ...errorAttributes(error, reach), [RPC_STATUS_CODE]: String(INTERNAL_ERROR) };
}

/** Whether it is a RequestError of `@pea2pea/rpc`, whose codes this package does not know. */
function isRequestError({ code }: { readonly code: string }): boolean {
  return code === 'P2P_ERR_REQUEST_FAILED';
}

/** Where a peer is. */
export function addressAttributes({ host, port, path }: SocketAddress): Attributes {
  if (path !== undefined) return { 'network.peer.address': path, 'network.transport': 'unix' };
  return { 'network.peer.address': host, 'network.peer.port': port, 'network.transport': 'tcp' };
}

/** What the user wants to say about a connection. */
export function extraAttributes({ attributes }: ResolvedOptions, connection: Connection): Attributes {
  if (attributes === undefined) return {};
  try {
    return attributes(connection);
  } catch (error) {
    diag.warn(`@pea2pea/observe: \`attributes\` of opentelemetry() threw ${describe(error)}`);
    return {};
  }
}
