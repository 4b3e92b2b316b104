// What the server tells, and how it is asked.
import { useEffect, useReducer } from './lib/hooks.js';

const RETRY_MS = 2_000;
const MOST_LINES = 1_000;

const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';

/**
 * `status`: `connecting`, `live`, `lost` (the process has ended, or does not reply), `refused` (the token is not the one).
 * Each source has the `sections` that it was told, its `log`, and why it is `lost`, if so.
 */
export const live = { status: 'connecting', why: '', sources: new Map(), paused: false };

const listeners = new Set();
let scheduled = false;

function changed() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    for (const listener of listeners) listener();
  });
}

/** Draws the component again whenever something has changed. */
export function useLive() {
  const [, draw] = useReducer((drawn) => drawn + 1, 0);
  useEffect(() => {
    listeners.add(draw);
    return () => listeners.delete(draw);
  }, []);
  return live;
}

export function setPaused(paused) {
  live.paused = paused;
  changed();
}

function headers() {
  return { authorization: `Bearer ${token}` };
}

/** @throws {Error} with what the server says */
export async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  const body = await response.json();
  if (!response.ok && body?.text === undefined)
    throw new Error(body?.error ?? `the server replied with ${response.status}`);
  return body;
}

/** Asks for an action; returns `{ done, text }`, whatever happens. */
export async function act(source, request) {
  try {
    return await ask('/api/act', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ source, ...request }),
    });
  } catch (error) {
    return { done: false, text: error.message };
  }
}

/** Follows a stream of events until the function that it returns is called. */
export function follow(path, onEvent, onEnd) {
  const abort = new AbortController();
  const run = async () => {
    try {
      const response = await fetch(path, { headers: headers(), signal: abort.signal });
      if (!response.ok) {
        const { error } = await response.json().catch(() => ({}));
        return onEnd(response.status, error ?? `the server replied with ${response.status}`);
      }
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        for (let end; (end = text.indexOf('\n\n')) !== -1; text = text.slice(end + 2)) {
          const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
          if (event !== undefined) onEvent(event, JSON.parse(data));
        }
      }
      onEnd(0, 'the process has ended the connection');
    } catch {
      if (!abort.signal.aborted) onEnd(0, 'the process does not reply');
    }
  };
  void run();
  return () => abort.abort();
}

function onEvent(event, data) {
  if (live.status !== 'live') live.status = 'live';
  if (event === 'sources') {
    live.sources = new Map(
      data.sources.map((key) => [key, { key, sections: {}, log: [], lost: undefined, at: 0 }]),
    );
  } else if (event === 'sections') {
    const source = live.sources.get(data.source);
    if (source === undefined) return;
    const { log, lost, at, ...sections } = data.sections;
    source.lost = lost;
    if (lost !== undefined) return changed();
    // Another run of the process begins its log anew.
    const isAnew = sections.node !== undefined && sections.node.since !== source.sections.node?.since;
    if (isAnew) source.log = [];
    if (log !== undefined) source.log = [...source.log, ...log].slice(-MOST_LINES);
    source.at = at;
    if (live.paused) return;
    source.sections = { ...source.sections, ...sections };
  }
  changed();
}

function start() {
  follow('/api/events', onEvent, (status, why) => {
    live.status = status === 401 ? 'refused' : 'lost';
    live.why = why;
    changed();
    if (live.status === 'lost') setTimeout(start, RETRY_MS);
  });
}

if (token === '') {
  live.status = 'refused';
  live.why = 'the token is missing';
} else {
  start();
}
