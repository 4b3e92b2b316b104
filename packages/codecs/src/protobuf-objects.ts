import type { DescField, DescMessage, ScalarType } from '@bufbuild/protobuf';
import { PeerError } from '@pea2pea/core';
import { ObjectCount } from './object-limit.js';
import { END_GROUP, isPackable, LENGTH_DELIMITED, MAX_DEPTH, ProtobufWalk } from './protobuf-walk.js';

/** Reads a field as the library does: by its declaration, whatever the wire says of its type. */
type Step = (walk: ProtobufWalk, wireType: number, depth: number) => void;

interface Plan {
  /** What a message of this type takes while it is empty: itself, its lists, maps and oneofs, and room for its fields. */
  readonly weight: number;
  readonly steps: Map<number, Step>;
}

/**
 * Counts the objects that the library would make of bytes, for messages of one type.
 *
 * The library has no limit of that kind and no place to hook one in, so the bytes are walked over before: by the same
 * steps, without making anything. What is malformed is left to the library, which stops at the same byte.
 */
export class ProtobufObjects {
  readonly #plan: Plan;
  readonly #limit: number;
  /** Frames that are shorter cannot hold as many objects. */
  readonly #harmlessLength: number;

  constructor(desc: DescMessage, limit: number) {
    const plans = new Map<DescMessage, Plan>();
    this.#plan = planOf(desc, plans);
    this.#limit = limit;
    const heaviest = Math.max(...[...plans.values()].map(({ weight }) => weight));
    // Two bytes a message, or one for an integer of 64 bits in a list; a key of a map in five may count a thousand.
    const hasMaps = [...plans.keys()].some(({ fields }) =>
      fields.some(({ fieldKind }) => fieldKind === 'map'),
    );
    this.#harmlessLength = limit / Math.max(heaviest, hasMaps ? 300 : 1);
  }

  /** @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE */
  requireFew(bytes: Uint8Array): void {
    if (bytes.length >= this.#harmlessLength) this.#walk(bytes);
  }

  /**
   * What was written becomes few objects, and nests no deeper than the library reads; it writes whatever it is given.
   *
   * @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE, P2P_ERR_INVALID_FRAME
   */
  requireReadable(bytes: Uint8Array): void {
    if (bytes.length < this.#harmlessLength && bytes.length <= SHALLOW_LENGTH) return;
    if (this.#walk(bytes).isTooDeep)
      throw new PeerError('P2P_ERR_INVALID_FRAME', `a message of protobuf() nests deeper than ${MAX_DEPTH}`);
  }

  #walk(bytes: Uint8Array): ProtobufWalk {
    const walk = new ProtobufWalk(bytes, new ObjectCount(this.#limit));
    walk.count.add(this.#plan.weight);
    readFields(this.#plan, walk, bytes.length, 1);
    return walk;
  }
}

/** A message in a message takes two bytes, and so does a group: what is not longer nests no deeper than is read. */
const SHALLOW_LENGTH = 2 * (MAX_DEPTH - 1);

/** Until `end`, or the end of the group where there is none. */
function readFields({ steps }: Plan, walk: ProtobufWalk, end: number | undefined, depth: number): void {
  if (depth > MAX_DEPTH) {
    walk.stopTooDeep();
    return;
  }
  const { map, highestKey } = walk;
  walk.map = undefined;
  while (!walk.isOver && (end === undefined || walk.at < end)) {
    const tag = walk.varint();
    const wireType = tag & 7;
    if (end === undefined && wireType === END_GROUP) break;
    const step = steps.get(tag >>> 3);
    if (step === undefined) walk.skip(wireType, depth);
    else step(walk, wireType, depth);
  }
  walk.map = map;
  walk.highestKey = highestKey;
}

function planOf(desc: DescMessage, plans: Map<DescMessage, Plan>): Plan {
  const known = plans.get(desc);
  if (known !== undefined) return known;
  const { fields, members } = desc;
  const held = members.filter((member) => member.kind === 'oneof' || isCollection(member)).length;
  const plan: Plan = { weight: 1 + held + (members.length >>> 3), steps: new Map() };
  plans.set(desc, plan);
  for (const field of fields) plan.steps.set(field.number, stepOf(field, plans));
  return plan;
}

function isCollection({ fieldKind }: DescField): boolean {
  return fieldKind === 'list' || fieldKind === 'map';
}

function stepOf(field: DescField, plans: Map<DescMessage, Plan>): Step {
  const step = fieldStep(field, plans);
  if (field.oneof === undefined) return step;
  return (walk, wireType, depth) => {
    walk.count.add(1); // which of the fields it is
    step(walk, wireType, depth);
  };
}

function fieldStep(field: DescField, plans: Map<DescMessage, Plan>): Step {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarStep(field.scalar);
    case 'enum':
      return readEnum;
    case 'message':
      return messageStep(planOf(field.message, plans), field.delimitedEncoding);
    case 'list':
      if (field.listKind === 'message') {
        return messageStep(planOf(field.message, plans), field.delimitedEncoding);
      }
      if (field.listKind === 'enum') return packedStep(readEnum);
      return isPackable(field.scalar) ? packedStep(scalarStep(field.scalar)) : scalarStep(field.scalar);
    case 'map':
      return mapStep(field, plans);
  }
}

function messageStep(plan: Plan, isGroup: boolean): Step {
  return (walk, _wireType, depth) => {
    walk.count.add(plan.weight);
    readFields(plan, walk, isGroup ? undefined : walk.varint() + walk.at, depth + 1);
  };
}

function packedStep(step: Step): Step {
  return (walk, wireType, depth) => {
    if (wireType !== LENGTH_DELIMITED) {
      step(walk, wireType, depth);
      return;
    }
    const end = walk.varint() + walk.at;
    while (walk.at < end && !walk.isOver) step(walk, wireType, depth);
  };
}

function mapStep(field: DescField & { fieldKind: 'map' }, plans: Map<DescMessage, Plan>): Step {
  const readValue = mapValueStep(field, plans);
  const step: Step = (walk, _wireType, depth) => {
    const end = walk.varint() + walk.at;
    walk.count.add(1);
    if (walk.map !== step) {
      walk.map = step;
      walk.highestKey = -1;
    }
    while (walk.at < end && !walk.isOver) {
      const tag = walk.varint();
      const number = tag >>> 3;
      if (number === 1) walk.key(field.mapKey);
      else if (number === 2) readValue(walk, tag & 7, depth);
      else walk.skip(tag & 7, depth);
    }
  };
  return step;
}

function mapValueStep(field: DescField & { fieldKind: 'map' }, plans: Map<DescMessage, Plan>): Step {
  if (field.mapKind === 'scalar') return scalarStep(field.scalar);
  return field.mapKind === 'enum' ? readEnum : messageStep(planOf(field.message, plans), false);
}

function scalarStep(type: ScalarType): Step {
  return (walk) => void walk.scalar(type);
}

const readEnum: Step = (walk) => void walk.varint();
