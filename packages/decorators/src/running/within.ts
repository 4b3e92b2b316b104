import {
  defaultLogger,
  DEFAULTS,
  systemClock,
  type PeerError,
  type PeerNode,
  type ResolvedConfig,
} from '@pea2pea/core';
import { overdue } from '@pea2pea/core/authoring';

/** What the life of a peer, or of an application, goes by. */
export type Surroundings = Pick<ResolvedConfig, 'clock' | 'closeTimeoutMs' | 'logger' | 'name'>;

/** Of what has no node: an application, or a peer that is not up. */
export function outsideOfNodes(name: string): Surroundings {
  return { name, clock: systemClock, logger: defaultLogger, closeTimeoutMs: DEFAULTS.closeTimeoutMs };
}

/** Of a peer; its logger does not throw. */
export function surroundingsOf({ config, logger }: PeerNode<unknown>): Surroundings {
  return { clock: config.clock, closeTimeoutMs: config.closeTimeoutMs, logger, name: config.name };
}

/**
 * Settles as `work` does. After `timeoutMs` `work` is left to itself, and what it throws later is logged: then this
 * rejects with `lateError()`, where there is one, else it resolves, with a line in the log.
 */
export function within(
  { clock, logger, name }: Surroundings,
  what: string,
  timeoutMs: number,
  work: Promise<void>,
  lateError?: () => PeerError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let isAbandoned = false;
    const timer = overdue(clock, timeoutMs, () => {
      isAbandoned = true;
      if (lateError !== undefined) {
        reject(lateError());
        return;
      }
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
        if (isAbandoned) logger.error({ node: name, err: error }, `${what} failed after it was abandoned`);
        else reject(error);
      },
    );
  });
}
