import type { Connection, PeerNode } from '@pea2pea/core';
import { describe, manifestOf } from '@pea2pea/core/authoring';
import type { ActionRequest, ActionResult } from './source.js';

/** What of the plugin `bans` is used, so that this package needs not know its package. */
interface Banning {
  ban(target: unknown, details: { readonly durationMs?: number; readonly why?: string }): number;
  unban(target: unknown): boolean;
}

const WHY = 'asked for in the inspector';

/** Whether the node has a plugin that bans. */
export function canBan(node: PeerNode<unknown>): boolean {
  return banningOf(node) !== undefined;
}

/** Does what a page asks for. What is wrong with it is told, and never thrown. */
export async function act(node: PeerNode<unknown>, request: ActionRequest): Promise<ActionResult> {
  node.logger.warn({ ...logged(request) }, WHY);
  try {
    switch (request.action) {
      case 'disconnect':
        return await end(node, request);
      case 'ban':
        return ban(node, request);
      case 'unban':
        return unban(node, request);
      case 'drain':
        return drain(node);
    }
  } catch (error) {
    return { done: false, text: describe(error) };
  }
}

async function end(node: PeerNode<unknown>, { connection: id }: ActionRequest): Promise<ActionResult> {
  const connection = find(node, id);
  if (connection === undefined) return gone(id);
  const done = await connection.disconnect(WHY);
  return { done, text: done ? `connection ${id} was ended` : `connection ${id} was ending already` };
}

function ban(node: PeerNode<unknown>, { connection: id, identity, durationMs }: ActionRequest): ActionResult {
  const bans = banningOf(node);
  if (bans === undefined) return unable;
  const connection = find(node, id);
  if (connection === undefined) return gone(id);
  if (identity === true && connection.identity === undefined)
    return { done: false, text: 'the peer has proved no identity' };
  const target = identity === true ? { identity: connection.identity } : connection.address;
  const ended = bans.ban(target, { why: WHY, ...(durationMs !== undefined && { durationMs }) });
  return { done: true, text: `banned; ${ended} ${ended === 1 ? 'connection' : 'connections'} ended` };
}

function unban(node: PeerNode<unknown>, { target, identity }: ActionRequest): ActionResult {
  const bans = banningOf(node);
  if (bans === undefined) return unable;
  if (target === undefined) return { done: false, text: 'it takes a target' };
  const lifted = bans.unban(identity === true ? { identity: target } : target);
  return { done: lifted, text: lifted ? 'the ban was lifted' : 'there is no such ban' };
}

/** The node ends as a whole, when the work that is under way is done; this page ends with it. */
function drain(node: PeerNode<unknown>): ActionResult {
  void node.drain();
  return { done: true, text: 'the node drains, and closes when what is under way is done' };
}

function find(node: PeerNode<unknown>, id: number | undefined): Connection | undefined {
  for (const connection of node.connections) if (connection.id === id) return connection;
  return undefined;
}

function gone(id: number | undefined): ActionResult {
  return { done: false, text: `there is no connection ${id}` };
}

const unable: ActionResult = {
  done: false,
  text: 'the node has no plugin that bans: use bans() of @pea2pea/policies',
};

function banningOf({ inside }: PeerNode<unknown>): Banning | undefined {
  return inside.plugins.find((plugin): plugin is Banning => {
    const { ban, unban } = plugin as Partial<Banning>;
    if (manifestOf(plugin.constructor)?.name !== 'bans') return false;
    return [ban, unban].every((method) => typeof method === 'function');
  });
}

function logged({
  action,
  connection,
  target,
  identity,
  durationMs,
}: ActionRequest): Record<string, unknown> {
  const given = { action, connection, target, identity, durationMs };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
