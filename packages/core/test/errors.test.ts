import { describe, expect, it } from '@jest/globals';
import type { CORE_ERRORS } from '@pea2pea/core';
import { PeerError } from '@pea2pea/core';
import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';
import { isOwnFault } from '@pea2pea/core/errors/errors';

const ROOM_ERRORS = {
  ROOMTEST_ERR_FULL: { when: 'a room is full', remedy: 'leave one' },
  ROOMTEST_ERR_MISUSED: { when: 'a room was asked for twice', remedy: 'ask once', isOwnFault: true },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof ROOM_ERRORS, unknown> {}
}

const refusalOf = (owner: string, table: ErrorTable): PeerError => {
  try {
    defineErrors(owner, table);
  } catch (error) {
    if (PeerError.is(error, 'P2P_ERR_INVALID_CONFIG')) return error;
  }
  throw new Error('it was not refused');
};

describe('an error', () => {
  it('holds what happened, the remedy, the code and the cause', () => {
    const cause = new Error('underneath');
    const error = new PeerError('P2P_ERR_QUEUE_FULL', '5 bytes wait', { cause });
    expect(error.message).toBe(
      '5 bytes wait; await drained() before sending more, or raise the limit that the message names',
    );
    expect([error.name, error.code, error.what, error.cause]).toEqual([
      'PeerError',
      'P2P_ERR_QUEUE_FULL',
      '5 bytes wait',
      cause,
    ]);
    expect('cause' in new PeerError('P2P_ERR_QUEUE_FULL', '5 bytes wait', { remedy: 'wait' })).toBe(false);
  });

  it('says the remedy of the place that throws, where that knows better', () => {
    const error = new PeerError('P2P_ERR_UNSUPPORTED', 'no zod is installed', {
      remedy: 'run `npm install zod`',
    });
    expect(error.message).toBe('no zod is installed; run `npm install zod`');
    expect(error.what).toBe('no zod is installed');
  });

  it('is known by its code, also across two copies of the package, and one that is newer', () => {
    const foreign = (code: string): Error => Object.assign(new Error('x'), { name: 'PeerError', code });
    expect(PeerError.is(foreign('P2P_ERR_ABORTED'))).toBe(true);
    expect(PeerError.is(foreign('P2P_ERR_OF_TOMORROW'))).toBe(true);
    expect(PeerError.is(foreign('P2P_ERR_ABORTED'), 'P2P_ERR_ABORTED')).toBe(true);
    expect(PeerError.is(foreign('P2P_ERR_ABORTED'), 'P2P_ERR_QUEUE_FULL')).toBe(false);
    expect(PeerError.is(foreign('ECONNRESET'))).toBe(false);
    expect(PeerError.is(foreign('toString'))).toBe(false);
    expect(PeerError.is(Object.assign(new Error('x'), { code: 'P2P_ERR_ABORTED' }))).toBe(false);
    expect(PeerError.is('P2P_ERR_ABORTED')).toBe(false);
  });

  it('leads to its row in the docs', () => {
    expect(new PeerError('P2P_ERR_QUEUE_FULL', 'x').help).toBe('docs/errors.md#p2p_err_queue_full');
  });
});

describe('the errors of a package', () => {
  const roomError = defineErrors('@roomtest/rooms', ROOM_ERRORS, { help: 'https://rooms.example/errors' });

  it('are PeerErrors with its codes, remedies and documentation', () => {
    const cause = new Error('underneath');
    const error = roomError('ROOMTEST_ERR_FULL', 'lobby has 50 members', { cause });
    expect(PeerError.is(error, 'ROOMTEST_ERR_FULL')).toBe(true);
    expect(error).toMatchObject({
      message: 'lobby has 50 members; leave one',
      what: 'lobby has 50 members',
      cause,
    });
    expect(error.help).toBe('https://rooms.example/errors#roomtest_err_full');
    expect(roomError('ROOMTEST_ERR_FULL', 'lobby is full', { remedy: 'wait' }).message).toBe(
      'lobby is full; wait',
    );
  });

  it('tell of peers, unless an entry says that they are faults of this program', () => {
    expect(isOwnFault(roomError('ROOMTEST_ERR_FULL', 'full'))).toBe(false);
    expect(isOwnFault(roomError('ROOMTEST_ERR_MISUSED', 'twice'))).toBe(true);
    expect(isOwnFault(new Error('a bug'))).toBe(true);
    expect(isOwnFault(new PeerError('P2P_ERR_BAD_DECODER', 'x'))).toBe(true);
    expect(isOwnFault(new PeerError('P2P_ERR_INVALID_FRAME', 'x'))).toBe(false);
  });

  it('may be defined again by a second copy of the package', () => {
    const again = defineErrors('@roomtest/rooms', ROOM_ERRORS);
    expect(again('ROOMTEST_ERR_FULL', 'full').help).toBeUndefined();
  });

  it('are refused where another package has such a code', () => {
    const entry = { when: 'x', remedy: 'y' };
    const error = refusalOf('@other/rooms', { OTHERTEST_ERR_NEW: entry, ROOMTEST_ERR_FULL: entry });
    expect(error.what).toBe('the error code ROOMTEST_ERR_FULL of @other/rooms is one of @roomtest/rooms');
    expect(refusalOf('@other/rooms', { P2P_ERR_ROOM_FULL: entry }).what).toContain(
      'has the prefix of pea2pea',
    );
    for (const code of ['ROOM_FULL', 'room_err_full', 'ERR_FULL', 'ROOM_ERR_', 'toString']) {
      expect(refusalOf('@other/rooms', { [code]: entry }).what).toContain('is not a code');
    }
    // All or none: the first table had one code that nobody else has.
    defineErrors('@third/rooms', { OTHERTEST_ERR_NEW: entry });
  });

  it('of which nothing is known have a message without a remedy', () => {
    const error = new PeerError('UNKNOWNTEST_ERR_X' as keyof typeof CORE_ERRORS, 'it broke');
    expect([error.message, error.help]).toEqual(['it broke', undefined]);
  });
});
