/** What a handshake message carries or mixes into the state; the Noise specification, section 7.1. */
export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk';

/** A handshake pattern; the Noise specification, section 7. The sides take turns, the initiator first. */
export interface HandshakePattern {
  /** Whether the static key of the initiator is known to the responder beforehand. */
  readonly initiatorPreMessage: boolean;
  /** Whether the static key of the responder is known to the initiator beforehand. */
  readonly responderPreMessage: boolean;
  /** The tokens of each message. */
  readonly messages: readonly (readonly Token[])[];
}

/**
 * The interactive fundamental patterns, as written in section 7.5 of the specification. Lines before `...` are
 * pre-messages.
 */
const PATTERNS: Readonly<Record<string, readonly string[]>> = {
  NN: ['-> e', '<- e, ee'],
  NK: ['<- s', '...', '-> e, es', '<- e, ee'],
  NX: ['-> e', '<- e, ee, s, es'],
  KN: ['-> s', '...', '-> e', '<- e, ee, se'],
  KK: ['-> s', '<- s', '...', '-> e, es, ss', '<- e, ee, se'],
  KX: ['-> s', '...', '-> e', '<- e, ee, se, s, es'],
  XN: ['-> e', '<- e, ee', '-> s, se'],
  XK: ['<- s', '...', '-> e, es', '<- e, ee', '-> s, se'],
  XX: ['-> e', '<- e, ee, s, es', '-> s, se'],
  IN: ['-> e, s', '<- e, ee, se'],
  IK: ['<- s', '...', '-> e, es, s, ss', '<- e, ee, se'],
  IX: ['-> e, s', '<- e, ee, se, s, es'],
};

/** The names of all patterns, without modifiers. */
export const PATTERN_NAMES: readonly string[] = Object.keys(PATTERNS);

/** The pattern called `name`, such as `XX`, `XXpsk3` or `NNpsk0+psk2`; undefined if there is no such pattern. */
export function patternOf(name: string): HandshakePattern | undefined {
  const [, base = '', modifiers = ''] = /^([A-Z]{2})((?:psk\d(?:\+psk\d)*)?)$/.exec(name) ?? [];
  const lines = Object.hasOwn(PATTERNS, base) ? PATTERNS[base] : undefined;
  if (lines === undefined) return undefined;
  const dots = lines.indexOf('...');
  const messages = lines.slice(dots + 1).map((line) => line.slice('-> '.length).split(', ') as Token[]);
  const places = modifiers === '' ? [] : modifiers.split('+').map((modifier) => Number(modifier.at(-1)));
  if (new Set(places).size < places.length || places.some((place) => place > messages.length))
    return undefined;
  for (const place of places) {
    // Section 9.3: psk0 begins the first message, pskN ends the Nth.
    if (place === 0) messages[0]!.unshift('psk');
    else messages[place - 1]!.push('psk');
  }
  const preMessages = lines.slice(0, Math.max(dots, 0));
  return {
    initiatorPreMessage: preMessages.includes('-> s'),
    responderPreMessage: preMessages.includes('<- s'),
    messages,
  };
}

/** Whether a side needs a static key pair of its own. */
export function hasStaticKey(pattern: HandshakePattern, initiator: boolean): boolean {
  const known = initiator ? pattern.initiatorPreMessage : pattern.responderPreMessage;
  return (
    known ||
    pattern.messages.some((tokens, index) => isInitiators(index) === initiator && tokens.includes('s'))
  );
}

/** Whether a side needs the static key of the other side beforehand. */
export function knowsRemoteStaticKey(pattern: HandshakePattern, initiator: boolean): boolean {
  return initiator ? pattern.responderPreMessage : pattern.initiatorPreMessage;
}

/** How many pre-shared keys a pattern mixes in. */
export function pskCount({ messages }: HandshakePattern): number {
  return messages.flat().filter((token) => token === 'psk').length;
}

/** Whether the initiator writes the message at `index`. */
export function isInitiators(index: number): boolean {
  return index % 2 === 0;
}
