import {
  invalidConfig,
  requireFunction,
  requireInteger,
  requireKnown,
  requireObject,
  requireOneOf,
  requireString,
} from '@pea2pea/core/authoring';
import type { RequestId } from './envelope.js';
import { memberOf } from './member-of.js';
import type { TracePlace } from './trace-context.js';

/** How one side tells the other that it has given up a request. */
export interface CancelFormat {
  /** The notification that says so. */
  readonly method: string;
  /** The code of the error that a cancelled request is responded to with. */
  readonly code: number;
  /** The params of the notification. */
  params(id: RequestId): object;
  /** The ids in the params of one that arrives; anything else in the list is ignored. */
  idsIn(params: object): readonly unknown[];
}

/** How the side that serves a request tells the caller how far it is. */
export interface ProgressFormat {
  /** The notification that says so. */
  readonly method: string;
  /** `params` of a request, with a token in them that asks for progress. */
  withToken(params: object, token: RequestId): object;
  /** The token in the params of a request; undefined where nobody asked. */
  tokenIn(params: object): unknown;
  /** The params of the notification. */
  params(token: RequestId, value: unknown): object;
  /** Token and value in the params of one that arrives. */
  read(params: object): { readonly token: unknown; readonly value: unknown };
}

/** What protocols on top of JSON-RPC have added to it. What is left out is not done. */
export interface Dialect {
  /** How requests are cancelled, both ways. */
  readonly cancel?: CancelFormat;
  /** How progress is told, both ways. */
  readonly progress?: ProgressFormat;
  /** Where a request carries its trace context, both ways. It is sent only where somebody has set it. */
  readonly trace?: TracePlace;
}

/** A {@link Dialect} that this package knows. */
export type DialectName = keyof typeof DIALECTS;

/** The dialects that have a name. */
export const DIALECTS = {
  /** The Language Server Protocol: `$/cancelRequest`, `$/progress` with a `workDoneToken`. */
  lsp: {
    cancel: {
      method: '$/cancelRequest',
      code: -32800,
      params: (id) => ({ id }),
      idsIn: (params) => [memberOf(params, 'id')],
    },
    progress: {
      method: '$/progress',
      withToken: (params, workDoneToken) => ({ ...params, workDoneToken }),
      tokenIn: (params) => memberOf(params, 'workDoneToken'),
      params: (token, value) => ({ token, value }),
      read: (params) => ({ token: memberOf(params, 'token'), value: memberOf(params, 'value') }),
    },
    trace: 'request',
  },
  /** The Model Context Protocol: `notifications/cancelled`, `notifications/progress` with a `_meta.progressToken`. */
  mcp: {
    cancel: {
      method: 'notifications/cancelled',
      code: -32800,
      params: (requestId) => ({ requestId }),
      idsIn: (params) => [memberOf(params, 'requestId')],
    },
    progress: {
      method: 'notifications/progress',
      withToken: (params, progressToken) => ({
        ...params,
        _meta: { ...(memberOf(params, '_meta') as object | undefined), progressToken },
      }),
      tokenIn: (params) => memberOf(memberOf(params, '_meta'), 'progressToken'),
      params: (progressToken, value) => ({ progressToken, ...(value as object) }),
      read: ({ progressToken, ...value }: { readonly progressToken?: unknown }) => ({
        token: progressToken,
        value,
      }),
    },
    trace: 'meta',
  },
  /** Go's creachadair/jrpc2, where the server was told to: `rpc.cancel` with a list of ids. */
  jrpc2: {
    cancel: {
      method: 'rpc.cancel',
      code: -32097,
      params: (id) => [id],
      idsIn: (params) => (Array.isArray(params) ? (params as readonly unknown[]) : []),
    },
  },
  /** JSON-RPC and nothing else. */
  none: {},
} as const satisfies Record<string, Dialect>;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function requireDialect(value: DialectName | Dialect): Dialect {
  if (typeof value === 'string') {
    if (Object.hasOwn(DIALECTS, value)) return DIALECTS[value];
    throw invalidConfig(
      `\`dialect\` must be one of ${Object.keys(DIALECTS).join(', ')}, or an object with formats`,
    );
  }
  requireObject('dialect', value);
  requireKnown('`dialect`', value, ['cancel', 'progress', 'trace']);
  const { cancel, progress, trace } = value;
  if (cancel !== undefined) {
    requireString('dialect.cancel.method', cancel.method);
    requireInteger('dialect.cancel.code', cancel.code, { min: Number.MIN_SAFE_INTEGER });
    requireFunctions('dialect.cancel', cancel, ['params', 'idsIn']);
  }
  if (progress !== undefined) {
    requireString('dialect.progress.method', progress.method);
    requireFunctions('dialect.progress', progress, ['withToken', 'tokenIn', 'params', 'read']);
  }
  if (trace !== undefined) requireOneOf('dialect.trace', trace, ['request', 'meta']);
  return value;
}

function requireFunctions(what: string, format: object, names: readonly string[]): void {
  for (const name of names) requireFunction(`${what}.${name}`, (format as Record<string, unknown>)[name]);
}
