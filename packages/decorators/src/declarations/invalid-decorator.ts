import type { PeerError } from '@pea2pea/core';
import { decoratorError } from './errors.js';

/** P2P_ERR_INVALID_DECORATOR, saying what is wrong where. @param remedy where the general one is of no help */
export function invalidDecorator(
  what: string,
  remedy?: string,
  options?: { readonly cause: unknown },
): PeerError {
  return decoratorError('P2P_ERR_INVALID_DECORATOR', what, {
    ...options,
    ...(remedy !== undefined && { remedy }),
  });
}

/**
 * Whether `value` is the context of a standard decorator (TC39): what tells the two modes apart.
 * A legacy decorator is given nothing, a property name, or a parameter index in its place.
 */
export function isDecoratorContext(value: unknown): value is DecoratorContext {
  return typeof value === 'object' && value !== null && 'kind' in value;
}
