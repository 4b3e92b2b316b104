// The log of a node, whatever its logger makes of the levels.
import { useEffect, useRef, useState } from './lib/hooks.js';
import { clock, count } from './format.js';
import { Empty, html, Panel, SearchField } from './parts.js';

const LEVELS = ['debug', 'info', 'warn', 'error'];

export function Log({ source, onOpen }) {
  const [least, setLeast] = useState('debug');
  const [filter, setFilter] = useState('');
  const list = useRef();
  const follows = useRef(true);
  const wanted = filter.trim().toLowerCase();
  const lines = source.log.filter(
    (line) => LEVELS.indexOf(line.level) >= LEVELS.indexOf(least) && contains(line, wanted),
  );
  useEffect(() => {
    if (follows.current) list.current.scrollTop = list.current.scrollHeight;
  });
  const onScroll = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
    void (follows.current = scrollHeight - scrollTop - clientHeight < 40);
  return html`<${Panel}
    class="fill"
    title="Log"
    note=${`${count(lines.length)} of the last ${count(source.log.length)} lines`}
    actions=${html`
      <span class="segments">
        ${LEVELS.map((level) => html`<button key=${level} class=${level === least ? 'on' : ''} onClick=${() => setLeast(level)}>${level}</button>`)}
      </span>
      <${SearchField} value=${filter} onInput=${setFilter} placeholder="Filter lines" />
    `}
  >
    <div class="scroll" ref=${list} onScroll=${onScroll}>
      <${LogLines} lines=${lines} onOpen=${(id) => onOpen(source.key, id)} />
    </div>
  <//>`;
}

function contains({ text, fields }, wanted) {
  return (
    wanted === '' ||
    text.toLowerCase().includes(wanted) ||
    Object.values(fields).some((value) => value.toLowerCase().includes(wanted))
  );
}

/** `isBrief`: a line each, with who it is about and why. */
export function LogLines({ lines, onOpen, isBrief = false }) {
  if (lines.length === 0) return html`<${Empty} title="No line was logged yet" />`;
  return html`<ol class=${isBrief ? 'lines brief' : 'lines'}>
    ${lines.map(
      ({ number, at, level, text, fields, connection }) =>
        html`<li key=${number} class=${level}>
          <time>${clock(at)}</time>
          <span class=${`level ${level}`}>${level}</span>
          <span class="text">
            ${text}
            ${shownFields(fields, isBrief).map(([name, value]) => html`<span class="field"><em>${name}</em>${value}</span>`)}
          </span>
          ${connection !== null && onOpen !== undefined && html`<button class="link" onClick=${() => onOpen(connection)}>#${connection}</button>`}
        </li>`,
    )}
  </ol>`;
}

function shownFields(fields, isBrief) {
  const all = Object.entries(fields);
  return isBrief ? all.filter(([name]) => name === 'peer' || name === 'reason') : all;
}
