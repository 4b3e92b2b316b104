import type { Logger } from '@pea2pea/core';

/** For labs whose peers are meant to fail: nobody reads what they say. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
