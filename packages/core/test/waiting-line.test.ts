import { describe, expect, it } from '@jest/globals';
import { WaitingLine } from '@pea2pea/core/internal';
import { ControlledClock } from '@pea2pea/core/testing';

/** A line of so many places, with what happened to those that left it. */
function lineOf(places: number, placesPerGroup: number) {
  const left: string[] = [];
  const limits = { places, placesPerGroup, patienceMs: 1_000 };
  const line = new WaitingLine<string>(new ControlledClock(), limits, (item, why) =>
    left.push(`${item} ${why}`),
  );
  return { line, left };
}

describe('a waiting line that is full', () => {
  it('has one of a group with fewer places take that of the last one of the group with most', () => {
    const { line, left } = lineOf(6, 4);
    for (const item of ['a1', 'a2', 'a3', 'b1', 'b2', 'b3']) line.add(item[0]!, item);
    expect(line.add('c', 'c1')).toBe('added');
    expect(line.add('c', 'c2')).toBe('added');
    expect(left).toEqual(['a3 displaced', 'b3 displaced']);
    expect(line.size).toBe(6);
  });

  it('refuses one whose group has as many, or would have most then', () => {
    const { line, left } = lineOf(4, 4);
    for (const item of ['a1', 'a2', 'b1', 'b2']) line.add(item[0]!, item);
    expect(line.add('a', 'a3')).toBe('full');
    expect(line.add('c', 'c1')).toBe('added');
    expect(line.add('c', 'c2')).toBe('full');
    expect(left).toEqual(['a2 displaced']);
  });

  it('takes in a newcomer until there are as many groups as places', () => {
    const { line } = lineOf(8, 4);
    for (let count = 0; count < 4; count++) for (const group of ['x', 'y']) line.add(group, group);
    for (let group = 0; group < 6; group++) expect(line.add(`g${group}`, 'one')).toBe('added');
    expect(line.add('late', 'one')).toBe('full');
    const order: string[] = [];
    for (let item = line.take(() => true); item !== undefined; item = line.take(() => true)) order.push(item);
    expect(order).toEqual(['x', 'y', 'one', 'one', 'one', 'one', 'one', 'one']);
  });

  it('has the newcomer in it when it tells who lost a place: whoever empties the line then gets all', () => {
    const clock = new ControlledClock();
    const emptied: string[][] = [];
    const limits = { places: 4, placesPerGroup: 4, patienceMs: 1_000 };
    const line: WaitingLine<string> = new WaitingLine(clock, limits, () => emptied.push(line.clear()));
    for (const item of ['a1', 'a2', 'a3', 'b1']) line.add(item[0]!, item);
    expect(line.add('b', 'b2')).toBe('added');
    expect(emptied).toEqual([['a1', 'a2', 'b1', 'b2']]);
    expect([line.size, line.hasTurn, clock.pending]).toEqual([0, false, 0]);
  });
});
