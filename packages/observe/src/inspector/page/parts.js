// Small parts that several views are made of.
import { h } from './lib/preact.js';
import { useEffect, useRef, useState } from './lib/hooks.js';
import htm from './lib/htm.js';

/** Markup. What is put into it is text, whatever it contains. */
export const html = htm.bind(h);

const ICONS = {
  in: 'M8 2v9M4 7.5 8 11.5l4-4M3 14h10',
  out: 'M8 14V5M4 8.5 8 4.5l4 4M3 2h10',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  moon: 'M13.5 9.5A6 6 0 0 1 6.5 2.500a6 6 0 1 0 7 7Z',
  pause: 'M5.500 3v10M10.500 3v10',
  play: 'M4.500 2.500v11l8-5.500Z',
  close: 'M3.500 3.500l9 9M12.500 3.500l-9 9',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.700 10.700 14 14',
  lock: 'M4 7V5a4 4 0 0 1 8 0v2M3 7h10v7H3z',
  right: 'M6 3l5 5-5 5',
};

export function Icon({ name, label }) {
  return html`<svg
    class="icon"
    viewBox="0 0 16 16"
    role=${label === undefined ? 'presentation' : 'img'}
    aria-label=${label}
  >
    <path d=${ICONS[name]} />
  </svg>`;
}

export function Panel({ title, note, actions, children, class: more = '' }) {
  return html`<section class=${`panel ${more}`}>
    <header class="panel-head">
      <h2>${title}</h2>
      ${note !== undefined && html`<span class="note">${note}</span>`}
      ${actions !== undefined && html`<span class="panel-actions">${actions}</span>`}
    </header>
    ${children}
  </section>`;
}

/** How much of a limit is used. */
export function Meter({ used, value }) {
  const share = value > 0 ? Math.min(1, used / value) : 0;
  const level = share >= 0.9 ? 'bad' : share >= 0.7 ? 'warn' : 'ok';
  return html`<div class=${`meter ${level}`} role="meter" aria-valuenow=${used} aria-valuemax=${value}>
    <div style=${{ width: `${share * 100}%` }}></div>
  </div>`;
}

/** A view without content says why, and what would change that. */
export function Empty({ title, children }) {
  return html`<div class="empty">
    <strong>${title}</strong>${children !== undefined && html`<p>${children}</p>`}
  </div>`;
}

/** A line that rises and falls, without axes. */
export function Sparkline({ values, tone }) {
  const [width, height] = [120, 32];
  const most = Math.max(1, ...values);
  const step = width / Math.max(1, values.length - 1);
  const points = values.map(
    (value, index) =>
      `${(index * step).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`,
  );
  if (values.length < 2) return html`<svg class="spark" viewBox="0 0 120 32"></svg>`;
  const line = `M${points.join('L')}`;
  return html`<svg
    class=${`spark ${tone}`}
    viewBox="0 0 120 32"
    preserveAspectRatio="none"
    role="presentation"
  >
    <path class="area" d=${`${line}L${width},${height}L0,${height}Z`} />
    <path class="line" d=${line} />
  </svg>`;
}

/** A button that asks once more before it does what cannot be undone. */
export function SureButton({ label, sure = 'Sure?', onSure, tone = 'danger' }) {
  const [isAsking, setAsking] = useState(false);
  const timer = useRef();
  useEffect(() => () => clearTimeout(timer.current), []);
  const onClick = (event) => {
    event.stopPropagation();
    clearTimeout(timer.current);
    if (isAsking) onSure();
    else timer.current = setTimeout(() => setAsking(false), 3_000);
    setAsking(!isAsking);
  };
  return html`<button class=${`button ${isAsking ? `${tone} armed` : tone}`} onClick=${onClick}>
    ${isAsking ? sure : label}
  </button>`;
}

export function StateDot({ state }) {
  return html`<span class=${`dot ${state.replaceAll(' ', '-')}`} title=${state}></span>`;
}

export function SearchField({ value, onInput, placeholder }) {
  return html`<label class="search">
    <${Icon} name="search" />
    <input
      type="search"
      value=${value}
      placeholder=${placeholder}
      aria-label=${placeholder}
      spellcheck="false"
      onInput=${(event) => onInput(event.currentTarget.value)}
    />
  </label>`;
}

/** The width of an element, as it changes. */
export function useSize(ref) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => {
      setSize({ width: Math.floor(contentRect.width), height: Math.floor(contentRect.height) });
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return size;
}
