import type { Connection } from '@pea2pea/core';
import type { LogThrottle } from '@pea2pea/core/authoring';
import type { Method } from './method.js';
import type { RequestContext } from './request-context.js';

/** A handler of requests for one method. */
export interface Handler {
  /** The name for log lines. */
  readonly name: string;
  readonly method: Method;
  call(params: unknown, connection: Connection, request: RequestContext): unknown;
  /** The throttle for log lines about its errors. */
  readonly log: LogThrottle;
}
