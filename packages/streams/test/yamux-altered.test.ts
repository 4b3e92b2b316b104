// Peers that are wrong about yamux, each our own session with one thing wrong, against a node whose connections are sessions.
import { describe, expect, it } from '@jest/globals';
import { contextKey, PeerError, PeerNode, type Handshake } from '@pea2pea/core';
import {
  alter,
  ALTERATIONS,
  assertConsistent,
  simulate,
  YAMUX_ALTERATIONS,
  type SimHost,
  type World,
} from '@pea2pea/testing';
import { Yamux, yamuxFrames, type FrameHeader, type YamuxStream } from '../src/index.js';

const SESSION = contextKey<Yamux>('yamux');
type Name = (typeof YAMUX_ALTERATIONS)[number];

/** A node each of whose connections is a session; it echoes what comes on streams. */
function makeNode(
  host: SimHost,
  name?: Name,
): { node: PeerNode<FrameHeader, never>; sessions: Yamux[]; seen: number[] } {
  const config = { codec: yamuxFrames, ...host.config };
  const sessions: Yamux[] = [];
  const seen: number[] = [];
  const node = new PeerNode<FrameHeader, never>(name === undefined ? config : alter(name, config));
  node.use({
    onHandshake(handshake: Handshake) {
      const session = new Yamux(handshake.takeStream(), {
        role: handshake.direction === 'outbound' ? 'client' : 'server',
        keepAliveIntervalMs: 0,
        clock: node.config.clock,
        onStream: (stream) => void stream.pipe(stream),
      });
      handshake.context.set(SESSION, session);
      handshake.upgrade(session.frames);
      sessions.push(session);
    },
    onMessage: (frame) => void seen.push(frame.type),
  });
  return { node, sessions, seen };
}

async function echoed(world: World, stream: YamuxStream, said: string): Promise<string> {
  let heard = '';
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => (heard += String(chunk)));
  stream.write(said);
  await world.run('3 s');
  return heard;
}

/** How the sessions of the victim failed. */
const ENDS: Readonly<Record<Name, string[]>> = {
  'opens-and-resets': [],
  'opens-many': [],
  overdraws: ['P2P_ERR_INVALID_FRAME'],
  'credits-much': ['P2P_ERR_INVALID_FRAME'],
  'pings-on': [],
  'speaks-for-others': [],
  'takes-their-ids': ['P2P_ERR_INVALID_FRAME'],
  'goes-and-stays': [],
};

describe.each(YAMUX_ALTERATIONS)('a peer that %s', (name) => {
  it.each([1, 2])('costs its own session at most, and honest ones are served: seed %p', async (seed) => {
    const world = simulate({ seed });
    const [at, honestAt, alteredAt] = [1, 2, 3].map((index) => world.host(`10.0.0.${index}`)) as [
      SimHost,
      SimHost,
      SimHost,
    ];
    const victim = makeNode(at);
    await world.drive(victim.node.listen({ host: '0.0.0.0', port: 4000 }));
    const honest = makeNode(honestAt);
    const served = (await world.drive(honest.node.connect('10.0.0.1:4000'))).context.get(SESSION)!;
    const altered = makeNode(alteredAt, name);
    const wrong = (await world.drive(altered.node.connect('10.0.0.1:4000'))).context.get(SESSION)!;
    await world.until('both are there', () => victim.sessions.length === 2);

    const mine = victim.seen.length;
    await echoed(world, wrong.openStream(), 'hello');
    expect(victim.seen.length).toBeGreaterThan(mine);
    expect(await echoed(world, served.openStream(), 'good morning')).toBe('good morning');
    const errors = victim.sessions.flatMap(({ error }) => (PeerError.is(error) ? [error.code] : []));
    expect(errors).toEqual(ENDS[name]);

    await world.drive(Promise.all([victim.node.close(), honest.node.close(), altered.node.close()]));
    assertConsistent(victim.node);
    await world.run('2 min');
    expect(at.clock.pending).toBe(0);
    expect(ALTERATIONS[name]).toMatch(/^[a-z].*[^.]$/);
  });
});
