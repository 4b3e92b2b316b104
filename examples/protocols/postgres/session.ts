import { PeerNode, type Connection } from '@pea2pea/core';
import { OnMessage, Session, SessionConnection } from '@pea2pea/decorators';
import { run, type Table } from './sql.js';
import * as wire from './wire.js';
import { backend, postgres, SqlError, type Message, type Of } from './wire.js';

const MAX_PREPARED = 1_000;

/** What one client has prepared. */
@Session({ inject: [SessionConnection, PeerNode] })
export class Client {
  readonly #statements = new Map<string, string>();
  readonly #portals = new Map<string, { readonly table: Table | undefined; next: number }>();
  /** After an error in the extended protocol everything is skipped, up to the next Sync. */
  #skips = false;

  constructor(
    private readonly connection: Connection<Message, Uint8Array>,
    private readonly node: PeerNode<Message, Uint8Array>,
  ) {}

  /** The simple protocol: one message, all there is in return. The first error ends it. */
  @OnMessage(postgres, 'query')
  query({ body }: Of<'query'>): Promise<void> {
    const replies: Buffer[] = [];
    try {
      for (const sql of body.text().split(/;(?=.*\S)/s))
        replies.push(...this.#whole(run(sql, [], this.node)));
    } catch (error) {
      replies.push(wire.errorResponse(asSqlError(error)));
    }
    return this.connection.send(Buffer.concat([...replies, wire.readyForQuery()]));
  }

  @OnMessage(postgres, 'parse')
  parse({ body }: Of<'parse'>) {
    return this.#extended(() => {
      keep(this.#statements, body.text(), body.text());
      return [backend('1')];
    });
  }

  @OnMessage(postgres, 'bind')
  bind({ body }: Of<'bind'>) {
    return this.#extended(() => {
      const [portal, statement] = [body.text(), body.text()];
      const formats = body.list(() => body.int(2));
      const params = body.list(() => body.value());
      if ([...formats, ...body.list(() => body.int(2))].some((format) => format !== 0)) {
        throw new SqlError('0A000', 'binary formats are not supported');
      }
      const sql = find(this.#statements, statement, '26000');
      keep(this.#portals, portal, { table: run(sql, params, this.node), next: 0 });
      return [backend('2')];
    });
  }

  @OnMessage(postgres, 'describe')
  describe({ body }: Of<'describe'>) {
    return this.#extended(() => {
      const [kind, name] = [body.int(1), body.text()];
      if (kind === PORTAL) return [columnsOf(find(this.#portals, name, '34000').table)];
      const sql = find(this.#statements, name, '26000');
      const count = Math.max(0, ...[...sql.matchAll(/\$(\d{1,3})/g)].map(([, number]) => Number(number)));
      const table = run(sql, new Array<null>(count).fill(null), this.node);
      return [wire.parameterDescription(count), columnsOf(table)];
    });
  }

  /** A client may ask for some rows, and then for more. */
  @OnMessage(postgres, 'execute')
  execute({ body }: Of<'execute'>) {
    return this.#extended(() => {
      const portal = find(this.#portals, body.text(), '34000');
      const most = body.int(4);
      if (portal.table === undefined) return [backend('I')];
      const rows = portal.table.rows.slice(portal.next, most > 0 ? portal.next + most : undefined);
      portal.next += rows.length;
      const isDone = portal.next === portal.table.rows.length;
      return [...rows.map(wire.dataRow), isDone ? backend('C', `SELECT ${rows.length}`) : backend('s')];
    });
  }

  @OnMessage(postgres, 'close')
  close({ body }: Of<'close'>) {
    return this.#extended(() => {
      const [kind, name] = [body.int(1), body.text()];
      (kind === PORTAL ? this.#portals : this.#statements).delete(name);
      return [backend('3')];
    });
  }

  @OnMessage(postgres, 'sync')
  sync(): Promise<void> {
    this.#skips = false;
    this.#portals.clear(); // they end with the transaction, which is this one
    return this.connection.send(wire.readyForQuery());
  }

  /** What there is has been sent. */
  @OnMessage(postgres, 'flush')
  flush(): void {}

  @OnMessage(postgres, 'terminate')
  terminate(): void {
    void this.connection.disconnect('the client is done');
  }

  @OnMessage(postgres, 'unknown')
  unknown(): void {
    const error = new SqlError('08P01', 'a message has a type that is not known');
    this.connection.trySend(wire.errorResponse(error, 'FATAL'));
    void this.connection.disconnect(error.message);
  }

  async #extended(work: () => Buffer[]): Promise<void> {
    if (this.#skips) return;
    try {
      await this.connection.send(Buffer.concat(work()));
    } catch (error) {
      this.#skips = true;
      await this.connection.send(wire.errorResponse(asSqlError(error)));
    }
  }

  #whole(table: Table | undefined): Buffer[] {
    if (table === undefined) return [backend('I')];
    return [columnsOf(table), ...table.rows.map(wire.dataRow), backend('C', `SELECT ${table.rows.length}`)];
  }
}

const PORTAL = 'P'.charCodeAt(0);
const columnsOf = (table: Table | undefined): Buffer =>
  table === undefined ? backend('n') : wire.rowDescription(table.columns);

/** What has no name is replaced by the next; the others are for the client to close. */
function keep<T>(all: Map<string, T>, name: string, value: T): void {
  if (name !== '' && all.has(name)) throw new SqlError('42P05', `"${name}" exists`);
  if (all.size === MAX_PREPARED && !all.has(name)) throw new SqlError('53000', 'too much is prepared');
  all.set(name, value);
}

function find<T>(all: Map<string, T>, name: string, state: string): T {
  const found = all.get(name);
  if (found === undefined) throw new SqlError(state, `"${name}" does not exist`);
  return found;
}

function asSqlError(error: unknown): SqlError {
  if (error instanceof SqlError) return error;
  throw error;
}
