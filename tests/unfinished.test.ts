import { describe, expect, it } from '@jest/globals';
import { delimiter, json, lines } from '@pea2pea/codecs';
import { PeerError, type Codec } from '@pea2pea/core';
import { Bans } from '@pea2pea/policies';
import { lab, listen, rawConnect, until } from '@pea2pea/testing';

const { makeNode } = lab();

/** Codecs of texts whose frames end with a mark, with what comes in full and what the network cuts. */
const codecs: [string, Codec<string>, string][] = [
  ['lines()', lines(), 'whole\nhal'],
  ['json(lines())', json<string>(lines()), '"whole"\n"hal'],
  ["json(delimiter('\\0'))", json<string>(delimiter('\0')), '"whole"\0"hal'],
];

describe('a frame that the network cut', () => {
  it.each(
    codecs.flatMap(([name, codec, wire]) => [
      { name, codec, wire, how: 'end' as const },
      { name, codec, wire, how: 'reset' as const },
    ]),
  )('is no message and no fault of the peer: $name, $how', async ({ codec, wire, how }) => {
    const a = makeNode({ codec });
    const bans = new Bans(a.node, {});
    const socket = await rawConnect(await listen(a));
    await until('it is connected', () => a.opened.length === 1);
    socket.write(wire);
    if (how === 'end') socket.end();
    else socket.resetAndDestroy();
    await until('it ended', () => a.closed.length === 1);
    const { reason, connection } = a.closed[0]!;
    expect(a.messages.filter((message) => message !== 'whole')).toEqual([]);
    // From libuv 1.52 on a reset after data is one; before that it looks like an end.
    if (how === 'end' || (reason.origin === 'reading' && reason.cause === 'invalid-frame')) {
      expect(reason).toMatchObject({ cause: 'invalid-frame', error: { code: 'P2P_ERR_TRUNCATED_FRAME' } });
    } else {
      expect(reason).toMatchObject({ origin: 'reading', cause: 'stream-error' });
    }
    expect('error' in reason && PeerError.is(reason.error, 'P2P_ERR_INVALID_FRAME')).toBe(false);
    bans.onDisconnect(connection, reason);
    expect(bans.strikesOf(connection)).toBe(0);
    socket.destroy();
  });

  it.each([
    ['drop', []],
    ['take', ['hal']],
  ] as const)('becomes what `unfinished` says: %s', async (unfinished, taken) => {
    const a = makeNode({ codec: lines({ unfinished }) });
    const socket = await rawConnect(await listen(a));
    socket.end('whole\nhal');
    await until('it ended', () => a.closed.length === 1);
    expect(a.messages).toEqual(['whole', ...taken]);
    expect(a.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
    socket.destroy();
  });
});
