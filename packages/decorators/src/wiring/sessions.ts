import { PeerError, type Connection as PeerConnection } from '@pea2pea/core';
import { Container, type BindingConstraints, type Newable } from 'inversify';
import { Connection } from '../declarations/injectables.js';
import type { Part } from './part.js';
import { refuseCaptives } from './captive.js';
import { bindingsOf, inspect, needsOf, type PlannedService } from './container-inspection.js';
import { disposeOf } from './disposal.js';

/** What a connection's sessions are, in the order of `sessions`; undefined while they are being made. */
interface Entry {
  instances: readonly object[] | undefined;
  /** Resolves when they are made and have begun their `onConnect`, or when making them failed. */
  readonly ready: Promise<void>;
}

/**
 * The sessions of one peer: makes them for each connection, finds them, disposes of them.
 *
 * ```text
 *   container of the peer
 *     `- container of the sessions:  Connection, session classes (one each for a request)
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
  readonly #entries = new Map<PeerConnection, Entry>();
  readonly #disposals = new Set<Promise<void>>();
  readonly #preDestroy = new Map<object, ReadonlySet<string | symbol>>();
  /** Whom sessions are made for, during the call that makes them. */
  #connection: PeerConnection | undefined;
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
        refuseCaptives(root);
        this.#findPreDestroy(root);
      } catch (error) {
        // inversify keeps the plan and would follow it the next time.
        this.#refusal = error as Error;
        throw error;
      }
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
   * Makes the sessions of `connection`, then calls `greet` in the turn in which they are ready.
   * @throws what the making throws
   */
  async open(connection: PeerConnection, greet: (instances: readonly object[]) => unknown): Promise<unknown> {
    let settle!: () => void;
    const entry: Entry = { instances: undefined, ready: new Promise((resolve) => (settle = resolve)) };
    this.#entries.set(connection, entry);
    let made: readonly object[] | undefined;
    let greeting: unknown;
    try {
      made = await this.#make(connection);
      if (connection.state === 'open') {
        entry.instances = made;
        greeting = greet(made);
      }
    } finally {
      settle();
      this.#disposeAfter(connection, made);
    }
    return greeting;
  }

  /** Of `connection`; undefined while they are being made, or where that failed or has not begun. */
  of(connection: PeerConnection): readonly object[] | undefined {
    return this.#entries.get(connection)?.instances;
  }

  /** Of `connection`, which has them. @throws {PeerError} P2P_ERR_INVALID_SESSION where making them failed */
  at(connection: PeerConnection, index: number): object {
    const instance = this.of(connection)?.[index];
    if (instance !== undefined) return instance;
    throw new PeerError(
      'P2P_ERR_INVALID_SESSION',
      `${connection.address} has no ${this.#parts[index]!.name}`,
    );
  }

  /** What messages have to wait for; undefined where that is nothing. */
  waitFor(connection: PeerConnection): Promise<void> | undefined {
    const entry = this.#entries.get(connection);
    return entry === undefined || entry.instances !== undefined ? undefined : entry.ready;
  }

  /** Resolves when all that has to be disposed of is. */
  async settled(): Promise<void> {
    while (this.#disposals.size > 0) await Promise.allSettled(this.#disposals);
  }

  #bind(): void {
    const current = (): PeerConnection => this.#connection!;
    this.#container.bind(Connection).toDynamicValue(current).inRequestScope().when(belongsToSet);
    for (const { class: session } of this.#parts) {
      this.#container
        .bind(session as Newable<object>)
        .toSelf()
        .inRequestScope()
        .when(belongsToSet);
    }
    this.#container
      .bind(SET)
      // The connection first: whatever asks for it later in the request is given the same.
      .toResolvedValue(
        (_: PeerConnection, ...instances: object[]) => instances,
        [Connection, ...this.#parts.map((part) => part.class as Newable<object>)],
      )
      .inTransientScope();
  }

  /** inversify asks for the connection in the turn of the call, so that is how long it is the current one. */
  #make(connection: PeerConnection): Promise<readonly object[]> {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#connection = connection;
    try {
      return this.#container.getAsync<readonly object[]>(SET);
    } finally {
      this.#connection = undefined;
    }
  }

  #findPreDestroy(root: PlannedService): void {
    for (const service of bindingsOf(root).flatMap(needsOf)) {
      for (const { classMetadata } of bindingsOf(service)) {
        if (classMetadata === undefined) continue;
        this.#preDestroy.set(
          service.serviceIdentifier as object,
          classMetadata.lifecycle.preDestroyMethodNames,
        );
      }
    }
  }

  #disposeAfter(connection: PeerConnection, instances: readonly object[] = []): void {
    const disposal = connection.closed.then(async () => {
      this.#entries.delete(connection);
      for (let index = instances.length - 1; index >= 0; index--) {
        const { class: session, name } = this.#parts[index]!;
        try {
          await disposeOf(instances[index]!, this.#preDestroy.get(session));
        } catch (error) {
          this.#log(error, `disposing of a ${name} failed`);
        }
      }
    });
    this.#disposals.add(disposal);
    void disposal.then(() => this.#disposals.delete(disposal));
  }
}

/** Names the sessions of a connection, all together. */
const SET = Symbol('sessions');
/** Thrown to stop after planning. */
const PLANNED = new Error('planned');

/** Whether what is asked for is part of a {@link SET}. */
function belongsToSet(asked: BindingConstraints): boolean {
  let root = asked;
  for (let ancestor = root.getAncestor(); ancestor !== undefined; ancestor = root.getAncestor())
    root = ancestor;
  return root.serviceIdentifier === SET;
}
