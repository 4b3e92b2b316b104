import { PeerError, type Connection } from '@pea2pea/core';
import { Container, type BindingConstraints, type Newable } from 'inversify';
import { decoratorError } from '../declarations/errors.js';
import { SessionConnection } from '../declarations/injectables.js';
import type { PeerClass } from '../declarations/peer-class.js';
import { refuseCaptivesOfConnections, refuseCaptivesOfPeers } from './captive.js';
import { bindingsOf, inspect, needsOf, type PlannedService } from './container-inspection.js';
import { MadeSessions } from './made-sessions.js';
import { checkFields, type Methods } from './methods.js';
import { announceSessions } from './session-of.js';
import type { Part } from './part.js';

/** The sessions of a connection. */
interface Entry {
  /** Settles when it is over whether there are some. @throws {PeerError} P2P_ERR_NO_SESSION where making them failed */
  readonly ready: Promise<void>;
  /** In the order of `sessions`; undefined until they are made. */
  instances: readonly object[] | undefined;
  /** Called when they are. */
  readonly greetings: (() => void)[];
}

/**
 * The sessions of one peer: makes them for each connection, finds them, disposes of them.
 *
 * ```text
 *   container of the peer
 *     `- container of the sessions:  SessionConnection, session classes (one each for a request)
 *          `- one request a connection: SET -> all session classes
 * ```
 *
 * All connections share one container, so that its plan is made and checked once; a request a connection has its
 * instances. What belongs to a connection is bound for requests of `SET` alone, so there is no way to it but through
 * the plan that was checked: a factory or a dynamic value that asks for it by itself is refused.
 */
export class Sessions {
  readonly #container: Container;
  readonly #parts: readonly Part[];
  readonly #log: (error: unknown, what: string) => void;
  readonly #entries = new Map<Connection, Entry>();
  readonly #disposals = new Set<Promise<void>>();
  readonly #preDestroy = new Map<Part, ReadonlySet<string | symbol>>();
  /** The connection that sessions are made for, and where they are gathered, during the call that makes them. */
  #current: { readonly connection: Connection; readonly made: MadeSessions } | undefined;
  #planOnly = false;
  #refusal: Error | undefined;

  /** @param parent the container of the peer */
  constructor(parent: Container, parts: readonly Part[], log: (error: unknown, what: string) => void) {
    this.#parts = parts;
    this.#log = log;
    this.#container = new Container({ parent });
    this.#bind();
    inspect(this.#container).onPlan((root) => {
      if (root.serviceIdentifier !== SET) return;
      try {
        refuseCaptivesOfConnections(root);
        refuseCaptivesOfPeers(root, parent);
      } catch (error) {
        // inversify keeps the plan and would follow it the next time.
        this.#refusal = error as Error;
        throw error;
      }
      this.#findPreDestroy(root);
      if (this.#planOnly) throw PLANNED;
    });
  }

  /**
   * Plans the making of sessions, without making any.
   * @throws {PeerError} P2P_ERR_CAPTIVE_DEPENDENCY
   * @throws what inversify throws when it does not know how to make one
   */
  check(): void {
    this.#planOnly = true;
    try {
      this.#container.get(SET);
    } catch (error) {
      if (error !== PLANNED) throw error;
    } finally {
      this.#planOnly = false;
    }
  }

  /**
   * Makes the sessions of `connection`. A hook: the promise is for the node alone.
   * @throws what the making throws
   */
  open(connection: Connection): Promise<void> {
    announceSessions(connection, this);
    const opening = this.#open(connection);
    // The node learns of a failure first, and has ended the connection or kept it when those that wait learn of it: its
    // reaction to `opening` precedes any to this promise, which settles later.
    const ready = opening.catch((cause: unknown) => {
      throw decoratorError('P2P_ERR_NO_SESSION', `${connection.address} has no sessions`, { cause });
    });
    ready.catch(() => undefined); // nobody may wait
    this.#entries.set(connection, { ready, instances: undefined, greetings: [] });
    return opening;
  }

  /**
   * Calls `greeting` in the turn in which the sessions of `connection` are made, after those that were here before;
   * never where the connection ends earlier, be it by one of those. Settles as the promise does that it returns.
   * INVARIANT: paired-hooks.
   */
  greet(connection: Connection, greeting: () => unknown): Promise<void> {
    return new Promise<unknown>((resolve, reject) => {
      this.#entries.get(connection)?.greetings.push(() => {
        try {
          resolve(greeting());
        } catch (error) {
          reject(error);
        }
      });
    }) as Promise<void>;
  }

  /** Whether a connection has a session that is a `Class`. */
  lists(Class: PeerClass): boolean {
    return this.#parts.some((part) => part.class === Class || part.class.prototype instanceof Class);
  }

  /** The sessions of `connection`; undefined where there are none: not yet, not any more, or because making them failed. */
  of(connection: Connection): readonly object[] | undefined {
    return this.#entries.get(connection)?.instances;
  }

  /**
   * One of those that `connection` has.
   * @throws {PeerError} P2P_ERR_DISCONNECTED where it has none any more
   */
  at(connection: Connection, index: number): object {
    const instance = this.of(connection)?.[index];
    if (instance !== undefined) return instance;
    throw new PeerError(
      'P2P_ERR_DISCONNECTED',
      `${connection.address} has no ${this.#parts[index]!.name} any more`,
    );
  }

  /**
   * Resolves when the sessions of `connection` are ready; undefined if there is nothing to wait for.
   * @throws {PeerError} P2P_ERR_NO_SESSION where making them failed: the promise rejects
   */
  waitFor(connection: Connection): Promise<void> | undefined {
    const entry = this.#entries.get(connection);
    return entry === undefined || entry.instances !== undefined ? undefined : entry.ready;
  }

  /** Resolves when all that has to be disposed of is. */
  async settled(): Promise<void> {
    while (this.#disposals.size > 0) await Promise.allSettled(this.#disposals);
  }

  #bind(): void {
    const bind = this.#container.bind.bind(this.#container);
    bind(SessionConnection)
      .toDynamicValue(() => this.#current!.connection)
      .inRequestScope()
      .when(belongsToSet);
    bind(MADE)
      .toDynamicValue(() => this.#current!.made)
      .inRequestScope()
      .when(belongsToSet);
    for (const part of this.#parts) {
      const session = part.class as Newable<object>;
      const bare = Symbol(part.name);
      bind(bare).to(session).inRequestScope().when(belongsToSet);
      bind(session)
        .toResolvedValue(
          (made: MadeSessions, instance: object) => {
            made.add(instance, this.#preDestroy.get(part) ?? []);
            return instance;
          },
          [MADE, bare],
        )
        .inRequestScope()
        .when(belongsToSet);
    }
    bind(SET)
      // What a request begins with: whatever asks for it later in the request is given the same.
      .toResolvedValue(
        (_connection: Connection, _made: MadeSessions, ...instances: object[]) => instances,
        [SessionConnection, MADE, ...this.#parts.map((part) => part.class as Newable<object>)],
      )
      .inTransientScope();
    for (const token of [SessionConnection, ...this.#parts.map((part) => part.class as Newable<object>)]) {
      bind<unknown>(token)
        .toDynamicValue(() => {
          throw decoratorError(
            'P2P_ERR_CAPTIVE_DEPENDENCY',
            `a factory or a dynamic value asks for ${token.name} by itself`,
            { remedy: `name it in toResolvedValue(…, [${token.name}])` },
          );
        })
        .when((asked) => !belongsToSet(asked));
    }
  }

  async #open(connection: Connection): Promise<void> {
    const made = new MadeSessions(this.#log);
    const making = this.#make(connection, made);
    this.#disposeAfter(connection, making, made);
    const instances = await making;
    const entry = this.#entries.get(connection);
    if (entry === undefined || connection.state !== 'open') return;
    instances.forEach((instance, index) => checkFields(instance as Methods, this.#parts[index]!.methods));
    entry.instances = instances;
    for (const greeting of entry.greetings.splice(0)) {
      greeting();
      if (connection.state !== 'open') return;
    }
  }

  /** inversify asks for what a request begins with in the turn of the call, so that is how long it is the current one. */
  async #make(connection: Connection, made: MadeSessions): Promise<readonly object[]> {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#current = { connection, made };
    try {
      return this.#container.getAsync<readonly object[]>(SET);
    } finally {
      this.#current = undefined;
    }
  }

  #findPreDestroy(root: PlannedService): void {
    const sessions = bindingsOf(root).flatMap(needsOf);
    for (const part of this.#parts) {
      const planned = sessions.find(({ serviceIdentifier }) => serviceIdentifier === part.class);
      for (const bare of planned === undefined
        ? []
        : bindingsOf(planned).flatMap(needsOf).flatMap(bindingsOf)) {
        if (bare.classMetadata === undefined) continue;
        this.#preDestroy.set(part, bare.classMetadata.lifecycle.preDestroyMethodNames);
      }
    }
  }

  /** Whatever becomes of the making, the entry goes with the connection; what was made is disposed of when both are over. */
  #disposeAfter(connection: Connection, making: Promise<unknown>, made: MadeSessions): void {
    const closed = connection.closed.then(() => void this.#entries.delete(connection));
    const disposal = Promise.allSettled([making, closed]).then(() => made.disposeAll());
    this.#disposals.add(disposal);
    void disposal.then(() => this.#disposals.delete(disposal));
  }
}

/** Names the sessions of a connection, all together. */
const SET = Symbol('sessions');
/** Names where those of one request are gathered. */
const MADE = Symbol('made sessions');
/** Thrown to stop after planning. */
const PLANNED = new Error('planned');

/** Whether what is asked for is part of a {@link SET}. */
function belongsToSet(asked: BindingConstraints): boolean {
  let root = asked;
  for (let ancestor = root.getAncestor(); ancestor !== undefined; ancestor = root.getAncestor())
    root = ancestor;
  return root.serviceIdentifier === SET;
}
