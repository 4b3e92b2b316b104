import type { PeerNode } from '@pea2pea/core';
import { USER } from './startup.js';
import { SqlError, type Message } from './wire.js';

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}
/** The language, as far as it goes. Undefined where there is no statement at all. */
export function run(
  sql: string,
  params: readonly (string | null)[],
  node: PeerNode<Message, Uint8Array>,
): Table | undefined {
  const statement = sql.trim().replace(/;$/, '');
  if (statement === '') return undefined;
  if (/^select \* from connections$/i.test(statement)) {
    const rows = [...node.connections].map((one) => [
      String(one.id),
      String(one.address),
      one.context.get(USER) ?? null,
    ]);
    return { columns: ['id', 'address', 'user'], rows };
  }
  const columns = /^select (\$\d+(?:\s*,\s*\$\d+)*)$/i
    .exec(statement)?.[1]
    ?.split(',')
    .map((name) => name.trim());
  if (columns === undefined) throw new SqlError('42601', `syntax error in "${statement}"`);
  const row = columns.map((name) => {
    const value = params[Number(name.slice(1)) - 1];
    if (value === undefined) throw new SqlError('42P02', `there is no parameter ${name}`);
    return value;
  });
  return { columns: columns.map(() => '?column?'), rows: [row] };
}
