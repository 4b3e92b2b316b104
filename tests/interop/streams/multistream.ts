import { expect } from '@jest/globals';
import { handle, list, readExactly, select } from '@pea2pea/streams';
import { soon } from '@pea2pea/testing';
import { because, suite } from '../harness/suite.js';
import { goMultistream, jsMultistream, rustMultistream } from './ends.js';
import { connection, counted, echo, openOurs, openTheirs, pair, readOf } from './stream-end.js';

const [CHAT, NEWER, OTHER] = ['/chat/1', '/chat/2', '/other/1'];
/** The longest that fits into a message. */
const LONGEST = `/${'x'.repeat(1_000)}`;
/** More than the reply to `ls` of most. */
const MANY = Array.from(
  { length: 28 },
  (_, index) => `/a/protocol/with/34/letters/${String(index).padStart(6, '0')}`,
);
const SIZE = 100_000;

export const multistream = suite('multistream', [goMultistream, rustMultistream, jsMultistream], (test) => {
  const negotiated: [name: string, wanted: string[], offered: string[], agreed: string][] = [
    ['the one protocol of both', [CHAT], [CHAT], CHAT],
    ['the first of two that both speak', [NEWER, CHAT], [CHAT, NEWER], NEWER],
    ['the third proposal', [OTHER, NEWER, CHAT], [CHAT], CHAT],
    ['a protocol of 1001 bytes', [LONGEST], [CHAT, LONGEST], LONGEST],
    ['one of 28 protocols of 34 letters', [MANY.at(-1)!], MANY, MANY.at(-1)!],
  ];

  for (const [name, wanted, offered, agreed] of negotiated) {
    test(`we select ${name}, and what follows is intact both ways`, async (bench) => {
      const { socket, end } = await connection(bench, { weDial: true, theirs: { raw: true } });
      const handled = end.negotiate('handle', 1, offered);
      expect(await soon('our selection', select(socket, wanted))).toBe(agreed);
      expect(await handled).toBe(agreed);
      socket.write(counted(SIZE));
      expect(await end.read(1, SIZE)).toEqual(readOf(SIZE, 0, 'open'));
      await end.write(1, SIZE, 7);
      expect((await soon('the bytes', readExactly(socket, SIZE))).equals(counted(SIZE, 7))).toBe(true);
    });

    test(`it selects ${name}, and what follows is intact both ways`, async (bench) => {
      const { socket, end } = await connection(bench, { weDial: false, theirs: { raw: true } });
      const selected = end.negotiate('select', 1, wanted);
      expect(await soon('our side', handle(socket, offered))).toBe(agreed);
      socket.write(counted(SIZE));
      expect(await selected).toBe(agreed);
      expect(await end.read(1, SIZE)).toEqual(readOf(SIZE, 0, 'open'));
      await end.write(1, SIZE, 7);
      expect((await soon('the bytes', readExactly(socket, SIZE))).equals(counted(SIZE, 7))).toBe(true);
    });
  }

  test('without a protocol in common our selection is P2P_ERR_HANDSHAKE_REJECTED', async (bench) => {
    const { socket, end } = await connection(bench, { weDial: true, theirs: { raw: true } });
    const handled = end.negotiate('handle', 1, [CHAT]).catch(() => 'nothing');
    await expect(soon('our selection', select(socket, [OTHER, NEWER]))).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
    });
    socket.destroy();
    expect(await handled).toBe('nothing');
  });

  test('without a protocol in common its selection fails, and ours with it', async (bench) => {
    const { socket, end } = await connection(bench, { weDial: false, theirs: { raw: true } });
    const handled = handle(socket, [CHAT]).catch(() => 'nothing');
    await expect(end.negotiate('select', 1, [OTHER, NEWER])).rejects.toThrow();
    await end.do('reset', 1).catch(() => {});
    expect(await soon('our side', handled)).toBe('nothing');
  });

  test(
    'we list its protocols, and select one on the same stream',
    async (bench) => {
      const { socket, end } = await connection(bench, { weDial: true, theirs: { raw: true } });
      const handled = end.negotiate('handle', 1, [CHAT, NEWER]);
      handled.catch(() => {});
      const listed = await soon('the list', list(socket));
      expect([...listed].sort()).toEqual([CHAT, NEWER]);
      expect(await soon('our selection', select(socket, [NEWER]))).toBe(NEWER);
      expect(await handled).toBe(NEWER);
    },
    { failsWith: because([goMultistream], 'it knows no ls: the list is empty') },
  );

  test('after an empty list we can still select on the same stream', async (bench) => {
    const { socket, end } = await connection(bench, { weDial: true, theirs: { raw: true } });
    const handled = end.negotiate('handle', 1, [CHAT]);
    await soon('the list', list(socket));
    expect(await soon('our selection', select(socket, [CHAT]))).toBe(CHAT);
    expect(await handled).toBe(CHAT);
  });

  test(
    'we list 28 protocols of 34 letters',
    async (bench) => {
      const { socket, end } = await connection(bench, { weDial: true, theirs: { raw: true } });
      const handled = end.negotiate('handle', 1, MANY).catch(() => {});
      expect([...(await soon('the list', list(socket)))].sort()).toEqual([...MANY].sort());
      socket.destroy();
      await handled;
    },
    { failsWith: because([goMultistream], 'it knows no ls: the list is empty') },
  );

  test('a stream of ours in a session is negotiated, and carries bytes', async (bench) => {
    const made = await pair(bench, { weDial: true });
    const [stream, theirs] = await openOurs(made);
    const handled = made.end.negotiate('handle', theirs, [CHAT]);
    expect(await soon('our selection', select(stream, [OTHER, CHAT]))).toBe(CHAT);
    expect(await handled).toBe(CHAT);
    stream.end(counted(SIZE));
    expect(await made.end.read(theirs)).toEqual(readOf(SIZE));
  });

  test('a stream of its own in a session is negotiated, and carries bytes', async (bench) => {
    const made = await pair(bench, { weDial: false });
    const [stream, theirs] = await openTheirs(made);
    const selected = made.end.negotiate('select', theirs, [OTHER, CHAT]);
    expect(await soon('our side', handle(stream, [CHAT]))).toBe(CHAT);
    expect(await selected).toBe(CHAT);
    echo(stream);
    expect(await made.end.exchange(theirs, SIZE)).toEqual(readOf(SIZE));
  });
});
