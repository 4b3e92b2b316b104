// Numbers and times for people.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `1.2 MB`; the number and its unit apart, for large print. */
export function sizeParts(bytes) {
  let [value, unit] = [bytes, 0];
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return [unit === 0 || value >= 100 ? String(Math.round(value)) : value.toFixed(1), UNITS[unit]];
}

export function size(bytes) {
  return sizeParts(bytes).join(' ');
}

/** `12 345`, with thin spaces. */
export function count(value) {
  const whole = String(Math.round(value));
  return whole.replace(/\B(?=(\d{3})+$)/g, '\u2009');
}

/** `12.3k` where there is little room. */
export function brief(value) {
  if (value < 10 && value > 0 && value % 1 !== 0) return value.toFixed(1);
  if (value < 10_000) return count(value);
  if (value < 1_000_000) return `${(value / 1_000).toFixed(value < 100_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** `3 s`, `12 min`, `4 h 10 min`. */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60)
    return seconds % 60 === 0 || minutes >= 10 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `14:03:07`. */
export function clock(at) {
  return new Date(at).toTimeString().slice(0, 8);
}

/** A long identity by its two ends. */
export function shortIdentity(text, longest = 20) {
  if (text.length <= longest) return text;
  const half = Math.floor((longest - 1) / 2);
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}

export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `dials refused` of `dialsRefused`; units that are shown beside the value are left out. */
export function words(name) {
  const spaced = name
    .replace(/Ms$/, '')
    .replace(/([a-z0-9])([A-Z])/g, (_, end, begin) => `${end} ${begin.toLowerCase()}`);
  return spaced.replaceAll('-', ' ');
}

/** The name of the node of a source; with a place or a process where others have the same name. */
export function nameOf({ sections: { node } }, sources) {
  if (node === undefined) return undefined;
  const others = sources.filter(({ sections }) => sections.node?.name === node.name);
  if (others.length < 2) return node.name;
  const place = node.listening[0]?.replace(/^.*(?=:\d+$)/, '') ?? `pid ${node.process}`;
  const isClear =
    others.filter(({ sections }) => sections.node.listening[0] === node.listening[0]).length < 2;
  return isClear
    ? `${node.name} ${place}`
    : `${node.name} ${place} #${others.findIndex((other) => other.sections.node === node) + 1}`;
}
