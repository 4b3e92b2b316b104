import { defaultLogger, DEFAULTS, systemClock, type Clock, type Logger, type PeerNode } from '@pea2pea/core';
import { guardedLogger, overdue } from '@pea2pea/core/authoring';

/** What starts and ends go by. */
export interface LifeHost {
  readonly clock: Clock;
  readonly closeTimeoutMs: number;
  /** One that does not throw. */
  readonly logger: Logger;
}

/** A host for an application, or for a peer whose node is not there. */
export function hostWithoutNode(
  name: string,
  {
    clock = systemClock,
    logger = defaultLogger,
  }: { readonly clock?: Clock | undefined; readonly logger?: Logger | undefined },
): LifeHost {
  const { closeTimeoutMs } = DEFAULTS;
  return { clock, closeTimeoutMs, logger: guardedLogger(logger).child({ node: name }) };
}

export function hostOf({ config, logger }: PeerNode<unknown>): LifeHost {
  return { clock: config.clock, closeTimeoutMs: config.closeTimeoutMs, logger };
}

/**
 * Settles as `work` does. After `timeoutMs` `work` is left to itself, and what it throws later is logged; this resolves
 * then, with a line in the log.
 */
export function within(
  { clock, logger }: LifeHost,
  what: string,
  timeoutMs: number,
  work: Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let isAbandoned = false;
    const timer = overdue(clock, timeoutMs, () => {
      isAbandoned = true;
      logger.error({ timeoutMs }, `${what} took too long and was abandoned`);
      resolve();
    });
    work.then(
      () => {
        timer.cancel();
        resolve();
      },
      (error: Error) => {
        timer.cancel();
        if (isAbandoned) logger.error({ err: error }, `${what} failed after it was abandoned`);
        else reject(error);
      },
    );
  });
}
