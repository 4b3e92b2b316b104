import { PeerError } from '@pea2pea/core';

/** P2P_ERR_INVALID_DECORATOR, saying what is wrong where. */
export function invalidDecorator(what: string, cause?: unknown): PeerError {
  return new PeerError('P2P_ERR_INVALID_DECORATOR', what, cause === undefined ? undefined : { cause });
}

/**
 * Whether `value` is the context of a standard decorator (TC39): what tells the two modes apart.
 * A legacy decorator is given nothing, a property name, or a parameter index in its place.
 */
export function isDecoratorContext(value: unknown): value is DecoratorContext {
  return typeof value === 'object' && value !== null && 'kind' in value;
}
