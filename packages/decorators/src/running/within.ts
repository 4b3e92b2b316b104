import { overdue, type ResolvedConfig } from '@pea2pea/core';

/** What the life of a peer, or of an application, goes by. */
export type Surroundings = Pick<ResolvedConfig, 'clock' | 'closeTimeoutMs' | 'logger' | 'name'>;

/**
 * Settles as `work` does, or resolves after `timeoutMs`, with a line in the log: `work` is then left to itself, and what
 * it throws later is logged.
 */
export function within(
  { clock, logger, name }: Surroundings,
  what: string,
  timeoutMs: number,
  work: Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let isAbandoned = false;
    const timer = overdue(clock, timeoutMs, () => {
      isAbandoned = true;
      logger.error({ node: name, timeoutMs }, `${what} took too long and was abandoned`);
      resolve();
    });
    work.then(
      () => {
        timer.cancel();
        resolve();
      },
      (error: Error) => {
        timer.cancel();
        if (isAbandoned) logger.error({ node: name, error }, `${what} failed after it was abandoned`);
        else reject(error);
      },
    );
  });
}
