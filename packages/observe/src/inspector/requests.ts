import type { IncomingMessage } from 'node:http';
import type { Refusal } from './guard.js';
import type { ActionRequest, TableQuery } from './source.js';

const MOST_BODY = 4 * 1024;
const MOST_ROWS = 500;
const LONGEST_FILTER = 200;
const ACTIONS = ['disconnect', 'ban', 'unban', 'drain'] as const;

/** What a page asks of the table; what makes no sense is as if it was not there. */
export function readQuery(params: URLSearchParams): TableQuery {
  const integer = (name: string, fallback: number, max: number): number => {
    const value = Number(params.get(name) ?? fallback);
    return Number.isInteger(value) && value >= 0 ? Math.min(value, max) : fallback;
  };
  return {
    sort: params.get('sort') ?? 'id',
    descending: params.get('order') === 'descending',
    filter: (params.get('filter') ?? '').slice(0, LONGEST_FILTER),
    offset: integer('offset', 0, 1_000_000),
    limit: integer('limit', 100, MOST_ROWS),
  };
}

/** The body of a request for an action, checked. */
export async function readAction(
  request: IncomingMessage,
): Promise<{ readonly source: string; readonly request: ActionRequest } | Refusal> {
  // A form of another page cannot send this type.
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    return { status: 415, why: 'the body must be JSON' };
  }
  let body = '';
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
    body += chunk;
    if (body.length > MOST_BODY) return { status: 400, why: 'the body is too long' };
  }
  const parsed = parse(body);
  if (parsed === undefined) return { status: 400, why: 'it is not a request for an action' };
  const { source, action, connection, target, identity, durationMs } = parsed;
  const isSound =
    typeof source === 'string' &&
    ACTIONS.includes(action as never) &&
    (connection === undefined || Number.isSafeInteger(connection)) &&
    (target === undefined || typeof target === 'string') &&
    (identity === undefined || typeof identity === 'boolean') &&
    (durationMs === undefined || (Number.isSafeInteger(durationMs) && (durationMs as number) > 0));
  if (!isSound) return { status: 400, why: 'it is not a request for an action' };
  const asked = { action, connection, target, identity, durationMs } as unknown as ActionRequest;
  return { source, request: asked };
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
