/** A value that hurts whoever looks at it; see {@link hostileValues}. */
export interface HostileValue {
  /** The value itself. Look at it with `describe` of `@pea2pea/core/authoring`, which survives all of them. */
  readonly value: unknown;
  /** How often the value had code of its own run: getters, traps of a proxy. */
  readonly calls: () => number;
}

/**
 * Makes the worst values that user code may throw and a peer may send, by name: objects without a prototype, huge strings,
 * proxies and errors whose properties throw, errors that claim to be a PeerError. For a table of tests of code that
 * catches errors, logs values, or takes options.
 *
 * note: printing some of them throws, and so does a test runner that compares them: keep them out of its messages.
 * note: about 20 MB are allocated where the huge ones are made.
 */
export function hostileValues(): [name: string, make: () => HostileValue][] {
  return [
    ['nothing', plain(() => undefined)],
    ['null', plain(() => null)],
    [
      'what JSON can hold',
      plain(() => JSON.parse('{"toString":0,"valueOf":0,"then":0,"message":{}}') as object),
    ],
    ['an object without prototype', plain(() => Object.create(null) as object)],
    ['a symbol', plain(() => Symbol('odd\nline'))],
    ['a huge string', plain(() => 'a'.repeat(10_000_000))],
    ['a string of line ends', plain(() => '\n\r\u2028\u2029\u001b[2J\u202e\ud800'.repeat(100))],
    ['a huge bigint', plain(() => 1n << 4_000_000n)],
    ['an object full of secrets', plain(() => ({ password: 'secret', nested: { key: 'secret' } }))],
    ['an error without message', plain(() => new Error())],
    [
      'an error whose message is an object',
      plain(() => withProperty(new Error(), 'message', { toString: 0 })),
    ],
    ['an error whose message is huge', plain(() => new Error('m'.repeat(10_000_000)))],
    [
      'an error whose name is an object',
      plain(() => withProperty(new Error('odd'), 'name', { toString: 0 })),
    ],
    ['an error whose cause is itself', plain(causedByItself)],
    ['an error without prototype', plain(() => Object.setPrototypeOf(new Error('bare'), null) as object)],
    ['a class without name', plain(() => new (class {})())],
    ['an instance whose class has a name of secrets', plain(oddClass)],
    ['an error that claims to be a PeerError', plain(forgedPeerError)],
    [
      'an error that claims to be a PeerError, and whose prototype throws',
      throwing((trap) => Object.setPrototypeOf(forgedPeerError(), trapped({}, trap)) as object),
    ],
    ['an object whose properties throw', throwing((trap) => withGetters({}, trap))],
    ['an error whose properties throw', throwing((trap) => withGetters(new Error(), trap))],
    ['a function whose properties throw', throwing((trap) => withGetters(() => {}, trap))],
    ['an object whose prototype throws', throwing((trap) => Object.create(trapped({}, trap)) as object)],
    [
      'an error whose prototype throws',
      throwing((trap) => Object.setPrototypeOf(new Error(), trapped({}, trap)) as object),
    ],
    ['a proxy whose traps throw', throwing((trap) => trapped({}, trap))],
    ['a proxy of an error', throwing((trap) => trapped(new Error(), trap))],
    ['a proxy of an array', throwing((trap) => trapped([], trap))],
    ['a proxy of a function', throwing((trap) => trapped(() => {}, trap))],
    ['a revoked proxy', plain(() => revoked({}))],
    ['a revoked proxy of an array', plain(() => revoked([]))],
    ['a revoked proxy of a function', plain(() => revoked(() => {}))],
  ];
}

function plain(make: () => unknown): () => HostileValue {
  return () => ({ value: make(), calls: () => 0 });
}

function throwing(make: (trap: () => never) => unknown): () => HostileValue {
  return () => {
    let calls = 0;
    const trap = (): never => {
      calls++;
      throw new Error('a trap of a hostile value');
    };
    return { value: make(trap), calls: () => calls };
  };
}

/** `stack` first: to look at it asks for the name. */
const LOOKED_AT = [
  'stack',
  'constructor',
  'message',
  'name',
  'code',
  'cause',
  'what',
  'length',
  'then',
  'toString',
  'toJSON',
  'valueOf',
  'errors',
  Symbol.toPrimitive,
  Symbol.toStringTag,
  Symbol.iterator,
  Symbol.for('nodejs.util.inspect.custom'),
];

function withGetters<T extends object>(target: T, trap: () => never): T {
  for (const name of LOOKED_AT) {
    if (Object.getOwnPropertyDescriptor(target, name)?.configurable === false) continue;
    Object.defineProperty(target, name, { get: trap, configurable: true });
  }
  return target;
}

function trapped<T extends object>(target: T, trap: () => never): T {
  const traps = [
    'get',
    'has',
    'ownKeys',
    'getPrototypeOf',
    'getOwnPropertyDescriptor',
    'apply',
    'construct',
    'set',
  ];
  return new Proxy(target, Object.fromEntries(traps.map((name) => [name, trap])));
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function withProperty<T extends object>(target: T, name: string, value: unknown): T {
  return Object.defineProperty(target, name, { value, enumerable: true });
}

function causedByItself(): Error {
  const error = new Error('round');
  return withProperty(error, 'cause', error);
}

function oddClass(): object {
  const made = class {};
  Object.defineProperty(made, 'name', { value: { secret: 'secret' } });
  return new made();
}

function forgedPeerError(): Error {
  const error = Object.assign(new Error(), { name: 'PeerError', code: 'P2P_ERR_DISCONNECTED' });
  return Object.defineProperty(error, 'message', {
    get() {
      throw new Error('a trap of a hostile value');
    },
  });
}
