// Who is connected with whom, as a picture: processes, and their peers around them.
import { useEffect, useRef, useState } from './lib/hooks.js';
import { count, nameOf, plural, shortIdentity, size } from './format.js';
import { html, useSize } from './parts.js';
import { colour, onTheme } from './theme.js';

const HUB = 26;
const MOST_LABELS = 36;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** Hubs and what hangs on them, with places; `sources` are those of the page. */
export function layOut(sources, width, height) {
  const middle = { x: width / 2, y: height / 2 };
  const hubs = sources.map(({ key, sections, lost }, index) => {
    const turn = (index / sources.length) * 2 * Math.PI - Math.PI / 2;
    const away = sources.length === 1 ? 0 : 1;
    return {
      key,
      name: nameOf({ sections }, sources) ?? '…',
      listening: sections.node?.listening ?? [],
      peers: sections.topology ?? [],
      isLost: lost !== undefined,
      turn,
      x: middle.x + away * Math.cos(turn) * width * 0.27,
      y: middle.y + away * Math.sin(turn) * height * 0.27,
    };
  });
  const between = new Map();
  const leaves = [];
  for (const hub of hubs) {
    const own = [];
    for (const peer of hub.peers) {
      const other = hubAt(hubs, hub, peer);
      if (other === undefined) own.push(peer);
      else join(between, hub, other, peer);
    }
    leaves.push(...around(hub, own, hubs.length, width, height));
  }
  return { hubs, leaves, between: [...between.values()] };
}

/** The process on the other end of a connection, where the page knows it. */
function hubAt(hubs, hub, { address, localAddress }) {
  if (address === null) return undefined;
  return hubs.find(
    (other) =>
      other !== hub &&
      (other.listening.includes(address) ||
        other.peers.some((peer) => peer.localAddress === address && peer.address === localAddress)),
  );
}

/** Both ends tell of a connection: it is one line. */
function join(between, one, other, peer) {
  const [first, second] = [one, other].sort((a, b) => (a.key < b.key ? -1 : 1));
  const key = `${first.key} ${second.key}`;
  const line = between.get(key) ?? { from: first, to: second, ends: 0, bytesPerSecond: 0, state: 'open' };
  line.ends += peer.count;
  line.bytesPerSecond = Math.max(line.bytesPerSecond, peer.bytesPerSecond);
  if (peer.state !== 'open') line.state = peer.state;
  between.set(key, line);
}

/** Peers on rings around their hub; those of several hubs on the side that looks away from the others. */
function around(hub, peers, hubs, width, height) {
  if (peers.length === 0) return [];
  const sorted = [...peers].sort((one, other) => (one.key < other.key ? -1 : 1));
  const room = Math.min(width, height) / 2 - 34;
  const [span, first] = hubs === 1 ? [2 * Math.PI, -Math.PI / 2] : [Math.PI * 1.15, hub.turn];
  const inner = hubs === 1 ? Math.max(70, room * (peers.length > 24 ? 0.52 : 0.78)) : room * 0.34;
  const rings = ringsFor(sorted.length, inner, hubs === 1 ? room : room * 0.62, span);
  const stretch = hubs === 1 ? Math.min(2, Math.max(1, (width / 2 - 60) / room)) : 1;
  let next = 0;
  return rings.flatMap(({ radius, places }, ring) =>
    sorted.slice(next, (next += places)).map((peer, index, all) => {
      const share = hubs === 1 ? (index + (ring % 2) / 2) / all.length : (index + 0.5) / all.length - 0.5;
      const turn = first + share * span;
      return { peer, hub, x: hub.x + Math.cos(turn) * radius * stretch, y: hub.y + Math.sin(turn) * radius };
    }),
  );
}

function ringsFor(total, inner, outer, span) {
  const rings = [];
  const steps = total <= 24 ? 1 : Math.min(5, Math.ceil(total / 36) + 1);
  const radii = Array.from(
    { length: steps },
    (_, step) => inner + ((outer - inner) * step) / Math.max(1, steps - 1),
  );
  const length = radii.reduce((sum, radius) => sum + radius * span, 0);
  let left = total;
  radii.forEach((radius, index) => {
    const places = index === steps - 1 ? left : Math.min(left, Math.round((total * radius * span) / length));
    left -= places;
    rings.push({ radius, places });
  });
  return rings;
}

function colourOf({ state, inbound, count: total }) {
  if (state === 'held back') return 'warn';
  if (state === 'ending') return 'bad';
  return inbound * 2 >= total ? 'in' : 'out';
}

function radiusOf({ count: total }) {
  return total === 1 ? 4.5 : Math.min(24, 6 + Math.sqrt(total) * 1.1);
}

function thicknessOf({ bytesPerSecond }) {
  return bytesPerSecond <= 0 ? 0.8 : Math.min(6, 1 + Math.log10(bytesPerSecond + 1) * 0.75);
}

export function Topology({ sources, selected, onSource, onPeer, height }) {
  const place = useRef();
  const canvas = useRef();
  const picture = useRef({ hubs: [], leaves: [], between: [] });
  const [hovered, setHovered] = useState();
  const hover = useRef();
  const { width } = useSize(place);
  picture.current = layOut(sources, width, height);
  hover.current = hovered;

  useEffect(() => {
    if (width === 0) return undefined;
    let frame;
    let theme = coloursNow();
    const stop = onTheme(() => void (theme = coloursNow()));
    const draw = (now) => {
      if (canvas.current === null) return; // another view is shown
      paint(canvas.current, width, height, picture.current, { theme, now, selected, hovered: hover.current });
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => {
      cancelAnimationFrame(frame);
      stop();
    };
  }, [width, height, selected]);

  const under = (event) => {
    const { left, top } = canvas.current.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const hub = picture.current.hubs.find((one) => Math.hypot(one.x - x, one.y - y) <= HUB);
    if (hub !== undefined) return { hub, x, y };
    const leaf = picture.current.leaves.find(
      (one) => Math.hypot(one.x - x, one.y - y) <= radiusOf(one.peer) + 5,
    );
    return leaf && { leaf, x, y };
  };
  const onClick = (event) => {
    const { hub, leaf } = under(event) ?? {};
    if (hub !== undefined) onSource(hub.key);
    else if (leaf !== undefined) onPeer(leaf.hub.key, leaf.peer);
  };
  const total = sources.reduce((sum, { sections }) => sum + (sections.connections?.total ?? 0), 0);
  return html`<div class="topology" ref=${place} style=${{ height: `${height}px` }}>
    <canvas
      ref=${canvas}
      role="img"
      aria-label=${`${plural(total, 'connection')} of ${plural(sources.length, 'process', 'processes')}`}
      style=${{ width: `${width}px`, height: `${height}px`, cursor: hovered === undefined ? 'default' : 'pointer' }}
      onMouseMove=${(event) => setHovered(under(event))}
      onMouseLeave=${() => setHovered(undefined)}
      onClick=${onClick}
    ></canvas>
    ${hovered !== undefined && html`<${Tip} ...${hovered} width=${width} />`}
    ${total === 0 && html`<div class="topology-empty">nobody is connected</div>`}
  </div>`;
}

function Tip({ hub, leaf, x, y, width }) {
  const style = { left: `${Math.min(Math.max(x, 110), width - 110)}px`, top: `${y}px` };
  if (hub !== undefined) {
    return html`<div class="tip" style=${style}>
      <strong>${hub.name}</strong>
      <span>${hub.listening.length === 0 ? 'does not listen' : hub.listening.join(', ')}</span>
    </div>`;
  }
  const { peer } = leaf;
  return html`<div class="tip" style=${style}>
    <strong>${shortIdentity(peer.label, 34)}</strong>
    <span
      >${peer.count === 1 ? (peer.inbound === 1 ? 'inbound' : 'outbound') : plural(peer.count, 'connection')},
      ${peer.state}</span
    >
    <span>${size(peer.bytesPerSecond)}/s</span>
  </div>`;
}

function coloursNow() {
  const names = ['in', 'out', 'warn', 'bad', 'text', 'muted', 'line', 'panel', 'accent', 'raised'];
  return Object.fromEntries(names.map((name) => [name, colour(name)]));
}

function paint(canvas, width, height, { hubs, leaves, between }, { theme, now, selected, hovered }) {
  const context = canvas.getContext('2d');
  const scale = devicePixelRatio;
  if (canvas.width !== width * scale || canvas.height !== height * scale) {
    canvas.width = width * scale;
    canvas.height = height * scale;
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.lineCap = 'round';
  for (const { from, to, ...line } of between)
    drawEdge(context, from, to, line, theme[colourOfLine(line)], now, 1);
  for (const leaf of leaves) {
    const isHovered = hovered?.leaf?.peer.key === leaf.peer.key && hovered.leaf.hub.key === leaf.hub.key;
    drawEdge(context, leaf.hub, leaf, leaf.peer, theme[colourOf(leaf.peer)], now, isHovered ? 1 : 0.55);
  }
  for (const leaf of leaves) drawLeaf(context, leaf, theme);
  const taken = [];
  if (leaves.length <= MOST_LABELS) for (const leaf of leaves) drawLabel(context, leaf, theme, width, taken);
  for (const hub of hubs) drawHub(context, hub, theme, hub.key === selected && hubs.length > 1);
}

function colourOfLine({ state }) {
  return state === 'open' ? 'accent' : state === 'ending' ? 'bad' : 'warn';
}

function drawEdge(context, from, to, line, stroke, now, alpha) {
  context.globalAlpha = alpha;
  context.strokeStyle = stroke;
  context.lineWidth = thicknessOf(line);
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.stroke();
  if (line.bytesPerSecond > 0 && !calm.matches) {
    // What flows is seen to flow: faster where there is more of it.
    const speed = 0.12 + Math.min(0.5, Math.log10(line.bytesPerSecond + 1) * 0.07);
    const share = ((now / 1_000) * speed + ((to.x * 7 + to.y * 13) % 97) / 97) % 1;
    context.globalAlpha = 0.95;
    context.fillStyle = stroke;
    context.beginPath();
    context.arc(from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share, 2.2, 0, 7);
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawLeaf(context, { peer, x, y }, theme) {
  const radius = radiusOf(peer);
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fillStyle = theme.panel;
  context.fill();
  context.globalAlpha = peer.count === 1 ? 1 : 0.22;
  context.fillStyle = theme[colourOf(peer)];
  context.fill();
  context.globalAlpha = 1;
  if (peer.count === 1) return;
  context.strokeStyle = theme[colourOf(peer)];
  context.lineWidth = 1.5;
  context.stroke();
  if (radius < 10) return;
  context.fillStyle = theme.text;
  context.font = '600 11px ui-sans-serif, system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(count(peer.count), x, y + 0.5);
}

/** A label that would stand on another one is left out. */
function drawLabel(context, { peer, hub, x, y }, theme, width, taken) {
  const isLeft = x < hub.x - 1;
  const radius = radiusOf(peer) + 6;
  context.font = '11px ui-monospace, SFMono-Regular, Menlo, monospace';
  context.fillStyle = theme.muted;
  context.textBaseline = 'middle';
  context.textAlign = isLeft ? 'right' : 'left';
  const room = isLeft ? x - radius - 6 : width - x - radius - 6;
  const text = shortIdentity(peer.label, Math.max(8, Math.min(24, Math.floor(room / 6.7))));
  const from = isLeft ? x - radius - text.length * 6.7 : x + radius;
  const box = { left: from, right: from + text.length * 6.7, top: y - 6, bottom: y + 6 };
  if (taken.some((other) => overlap(box, other))) return;
  taken.push(box);
  context.fillText(text, isLeft ? x - radius : x + radius, y);
}

function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

function drawHub(context, { name, x, y, isLost }, theme, isSelected) {
  context.beginPath();
  context.arc(x, y, HUB, 0, 7);
  context.fillStyle = theme.raised;
  context.fill();
  context.lineWidth = isSelected ? 3 : 2;
  context.strokeStyle = isLost ? theme.bad : theme.accent;
  context.stroke();
  context.fillStyle = theme.text;
  context.font = '600 12px ui-sans-serif, system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(shortIdentity(name, 7), x, y + 0.5);
}
