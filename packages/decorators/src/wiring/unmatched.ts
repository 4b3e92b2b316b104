import type { PeerError, Connection, PeerNode, StandardIssue } from '@pea2pea/core';
import { describeIssues, LogThrottle, peerFields, printable, readData } from '@pea2pea/core/authoring';
import { decoratorError } from '../declarations/errors.js';
import type { WhenUnmatched } from '../declarations/peer.js';
import type { MethodName } from '../declarations/method-site.js';

/** What the schema of a method has against a message: `cause` of P2P_ERR_UNMATCHED_MESSAGE lists them. */
export interface Refusal {
  /** The method whose schema refused. */
  readonly method: MethodName;
  /** What the schema has against the message. */
  readonly issues: readonly StandardIssue[];
}

/** Issues by message method, in the order of the methods; undefined where no schema spoke. */
export type Refused = (readonly StandardIssue[] | undefined)[];

type Named = readonly { readonly name: MethodName }[];

/** How many issues a message names; `cause` has them all. */
const MOST_ISSUES = 4;
/** How many characters of each: it may quote what the peer sent. */
const MOST_CHARACTERS = 120;
/** A flood of messages that nobody takes writes one line in so long. */
const LOG_INTERVAL_MS = 1_000;

/** Counts the messages that no method of a peer takes, and ends their connections or logs them. */
export class UnmatchedMessages {
  count = 0;
  readonly #peerName: string;
  readonly #when: WhenUnmatched;
  readonly #node: PeerNode<unknown>;
  readonly #logLimit: LogThrottle;

  constructor(peerName: string, when: WhenUnmatched, node: PeerNode<unknown>) {
    this.#peerName = peerName;
    this.#when = when;
    this.#node = node;
    this.#logLimit = new LogThrottle(node.config.clock, LOG_INTERVAL_MS);
  }

  /** @throws {PeerError} P2P_ERR_UNMATCHED_MESSAGE, unless such messages are ignored */
  take(message: unknown, connection: Connection<unknown>, methods: Named, refused: Refused): void {
    this.count++;
    if (this.#when === 'ignore') {
      this.#log(message, connection, methods, refused);
      return;
    }
    const refusals = refusalsOf(methods, refused);
    throw unmatchedMessage(this.#describe(message, refusals), refusals);
  }

  #log(message: unknown, connection: Connection<unknown>, methods: Named, refused: Refused): void {
    this.#logLimit.run((suppressed) => {
      const fields = {
        ...peerFields(connection),
        unmatched: suppressed + 1,
      };
      this.#node.logger.warn(fields, `ignored: ${this.#describe(message, refusalsOf(methods, refused))}`);
    });
  }

  #describe(message: unknown, refusals: readonly Refusal[]): string {
    const why = refusals.length === 0 ? '' : `: ${describeRefusals(refusals)}`;
    return `no message method of ${this.#peerName} takes this ${kindOf(message)}${why}`;
  }
}

function unmatchedMessage(what: string, refusals: readonly Refusal[]): PeerError {
  const options = refusals.length === 0 ? undefined : { cause: refusals };
  return decoratorError('P2P_ERR_UNMATCHED_MESSAGE', what, options);
}

function refusalsOf(methods: Named, refused: Refused): Refusal[] {
  return refused.flatMap((issues, index) =>
    issues === undefined ? [] : [{ method: methods[index]!.name, issues }],
  );
}

/** One line: the first issues of each method, so that the one that was meant is among them. */
function describeRefusals(refusals: readonly Refusal[]): string {
  const share = Math.max(1, Math.floor(MOST_ISSUES / refusals.length));
  const texts = refusals.slice(0, MOST_ISSUES).map(({ method, issues }) => {
    const says = describeIssues(issues, { mostIssues: share, mostCharacters: MOST_CHARACTERS });
    return `${String(method)}() says ${says}`;
  });
  const more = refusals.length > MOST_ISSUES ? [`refused by ${refusals.length - MOST_ISSUES} more`] : [];
  return [...texts, ...more].join('; ');
}

function kindOf(message: unknown): string {
  if (typeof message !== 'object' || message === null) return message === null ? 'null' : typeof message;
  // Not the message's own, which its sender may have set.
  const constructor = readData(prototypeOf(message), 'constructor');
  const name = typeof constructor === 'function' ? readData(constructor, 'name') : undefined;
  return typeof name === 'string' && name !== '' ? printable(name) : 'object';
}

/** Undefined for a proxy that does not tell. */
function prototypeOf(message: object): unknown {
  try {
    return Object.getPrototypeOf(message);
  } catch {
    return undefined;
  }
}
