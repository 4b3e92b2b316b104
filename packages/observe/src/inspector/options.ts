import {
  invalidConfig,
  requireBoolean,
  requireInteger,
  requireKnown,
  requireOneOf,
  requireString,
} from '@pea2pea/core/authoring';

/** Every option of {@link inspector} that has a default, with it. Times are in milliseconds. */
export const INSPECTOR_DEFAULTS = {
  port: 0,
  host: '127.0.0.1',
  reachableFromOtherMachines: false,
  actions: false,
  frames: 'off',
  intervalMs: 1_000,
} as const;

/** What the live tail shows: nothing, messages, or messages and their bytes. */
export type FramesShown = 'off' | 'messages' | 'bytes';

/** Options of the server of a page. */
export interface ServingOptions {
  /** The port of the page; 0 picks one. @default 0 */
  readonly port?: number;
  /** The IP address to serve the page at. Without `reachableFromOtherMachines` it must be one of the loopback. @default '127.0.0.1' */
  readonly host?: string;
  /**
   * Whether `host` may be an address that other machines reach. Whoever has the token, or reads it on the way, as the page is
   * served without encryption, sees all that the inspector shows, and with `actions: true` ends connections.
   *
   * note: a tunnel, such as `ssh -L`, needs no such thing.
   * @default false
   */
  readonly reachableFromOtherMachines?: boolean;
  /** The secret in the address of the page, at least 16 letters, digits, `-` or `_`. @default a random one, at each start */
  readonly token?: string;
}

/** Options of {@link inspector}. */
export interface InspectorOptions extends ServingOptions {
  /** Whether the page may disconnect, ban, unban and drain. Without it there is no such thing to ask for. @default false */
  readonly actions?: boolean;
  /**
   * What the live tail of the page may show of what peers send and are sent. It costs something only while a page shows it.
   *
   * note: what looks like a secret by its name is masked, and blanked in the bytes; what has another name is not.
   * @default 'off'
   */
  readonly frames?: FramesShown;
  /** How often an open page is told what has changed, in milliseconds; at least 100. @default 1000 */
  readonly intervalMs?: number;
}

export interface ResolvedServing {
  readonly port: number;
  readonly host: string;
  readonly reachableFromOtherMachines: boolean;
  readonly token: string | undefined;
}

export interface ResolvedInspector extends ResolvedServing {
  readonly actions: boolean;
  readonly frames: FramesShown;
  readonly intervalMs: number;
}

const SERVING = ['port', 'host', 'reachableFromOtherMachines', 'token'];
const TOKEN = /^[A-Za-z0-9_-]{16,256}$/;
const LOOPBACK = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|localhost)$/;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveInspector(options: InspectorOptions): ResolvedInspector {
  requireKnown('the options of inspector()', options, [...Object.keys(INSPECTOR_DEFAULTS), 'token']);
  const {
    actions = INSPECTOR_DEFAULTS.actions,
    frames = INSPECTOR_DEFAULTS.frames,
    intervalMs = INSPECTOR_DEFAULTS.intervalMs,
    ...serving
  } = options;
  return {
    ...resolveServing(serving),
    actions: requireBoolean('actions', actions),
    frames: requireOneOf('frames', frames, ['off', 'messages', 'bytes']),
    intervalMs: requireInteger('intervalMs', intervalMs, { min: 100, max: 60_000 }),
  };
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveServing(options: ServingOptions): ResolvedServing {
  requireKnown('the options of the page', options, SERVING);
  const {
    port = INSPECTOR_DEFAULTS.port,
    host = INSPECTOR_DEFAULTS.host,
    reachableFromOtherMachines = INSPECTOR_DEFAULTS.reachableFromOtherMachines,
    token,
  } = options;
  requireBoolean('reachableFromOtherMachines', reachableFromOtherMachines);
  requireString('host', host);
  if (!LOOPBACK.test(host) && !reachableFromOtherMachines) {
    throw invalidConfig(
      `\`host\` ${host} is not an address of the loopback, and the page would be served to other machines without encryption; ` +
        'use a tunnel, or say so with `reachableFromOtherMachines: true`',
    );
  }
  if (token !== undefined && !(typeof token === 'string' && TOKEN.test(token))) {
    throw invalidConfig('`token` must be 16 to 256 letters, digits, `-` or `_`');
  }
  return {
    port: requireInteger('port', port, { min: 0, max: 65_535 }),
    host,
    reachableFromOtherMachines,
    token,
  };
}
