/** What connections are reset for is part of a measurement; to print it is not. */
export const silentLogger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
