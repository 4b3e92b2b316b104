import type { Container, ServiceIdentifier } from 'inversify';
import { missingDependency } from '../declarations/dependencies.js';

/**
 * What `container` has for `service`, which errors call `name`.
 * @throws {PeerError} P2P_ERR_MISSING_DEPENDENCY when it does not know how to make it
 * @throws what the making throws
 */
export async function resolve<S>(
  container: Container,
  service: ServiceIdentifier<S>,
  name: string,
): Promise<S> {
  try {
    return await container.getAsync(service);
  } catch (error) {
    throw isPlanningError(error) ? missingDependency(name, error) : error;
  }
}

/**
 * Whether inversify could not work out how to make something, in contrast to something that threw while it was
 * made. inversify exports neither its class of errors nor their kinds; the mark is registered under this name so
 * that it can be found.
 */
export function isPlanningError(error: unknown): boolean {
  const { [INVERSIFY_ERROR]: isInversify, kind } = Object(error) as {
    [INVERSIFY_ERROR]?: true;
    kind?: unknown;
  };
  return isInversify === true && kind !== RESOLUTION;
}

const INVERSIFY_ERROR = Symbol.for('@inversifyjs/core/InversifyCoreError');
/** The kind of error that wraps what a `@postConstruct` threw. */
const RESOLUTION = 4;
