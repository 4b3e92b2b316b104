// What passes, live: messages, and their bytes where the node shows those.
import { useEffect, useRef, useState } from './lib/hooks.js';
import { clock, count, size } from './format.js';
import { follow } from './live.js';
import { Empty, html, Icon, Panel } from './parts.js';

const MOST = 400;

export function Frames({ source, connection, onOpen, onAll }) {
  const shown = source.sections.node?.frames ?? 'off';
  const [isOn, setOn] = useState(false);
  const [tail, setTail] = useState({ frames: [], skipped: 0, last: 0 });
  const [problem, setProblem] = useState();
  useEffect(() => {
    if (!isOn) return undefined;
    setProblem(undefined);
    const which = connection === undefined ? '' : `&connection=${connection}`;
    return follow(
      `/api/frames?source=${source.key}${which}`,
      (_, { frames, skipped }) =>
        setTail((tail) => ({
          frames: [
            ...tail.frames,
            ...frames.map((frame, index) => ({ ...frame, number: tail.last + index + 1 })),
          ].slice(-MOST),
          skipped: tail.skipped + skipped,
          last: tail.last + frames.length,
        })),
      (_, why) => {
        setOn(false);
        setProblem(why);
      },
    );
  }, [isOn, source.key, connection]);

  if (shown === 'off') {
    return html`<${Empty} title="Frames are not shown">
      What peers send is theirs. To look at it here, give the inspector of the node
      <code>frames: 'messages'</code>, or <code> 'bytes'</code> for hexadecimal dumps, too. What looks like a
      secret by its name is masked.
    <//>`;
  }
  const actions = html` ${connection !== undefined && html`<button class="chip on" onClick=${onAll}>connection #${connection} <${Icon} name="close" /></button>`}
    <button class="button plain" onClick=${() => setTail({ frames: [], skipped: 0, last: tail.last })}>
      Clear
    </button>
    <button class=${`button ${isOn ? 'plain' : 'primary'}`} onClick=${() => setOn(!isOn)}>
      <${Icon} name=${isOn ? 'pause' : 'play'} /> ${isOn ? 'Stop' : 'Start'}
    </button>`;
  return html`<${Panel}
    class="fill"
    title="Frames"
    actions=${actions}
    note=${tail.skipped > 0 ? `${count(tail.skipped)} were not shown, as there were too many` : shown === 'bytes' ? 'messages and bytes' : 'messages'}
  >
    ${problem !== undefined && html`<p class="problem">${problem}</p>`}
    ${
      tail.frames.length === 0
        ? html`<${Empty} title=${isOn ? 'Nothing has passed yet' : 'The tail is off'}
            >${isOn ? '' : 'It costs the node something while it is on. Start it when you want to look.'}<//
          >`
        : html`<${List} frames=${tail.frames} onOpen=${(id) => onOpen(source.key, id)} />`
    }
  <//>`;
}

function List({ frames, onOpen }) {
  const list = useRef();
  const follows = useRef(true);
  useEffect(() => {
    if (follows.current) list.current.scrollTop = list.current.scrollHeight;
  }, [frames]);
  const onScroll = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
    void (follows.current = scrollHeight - scrollTop - clientHeight < 40);
  return html`<div class="scroll" ref=${list} onScroll=${onScroll}>
    <ol class="frames">
      ${frames.map(
        (frame) =>
          html`<li key=${frame.number} class=${frame.kind}>
            <time>${clock(frame.at)}</time>
            <span class=${frame.way === 'received' ? 'way in' : 'way out'}
              ><${Icon} name=${frame.way === 'received' ? 'in' : 'out'} label=${frame.way}
            /></span>
            <button class="link" title=${frame.peer} onClick=${() => onOpen(frame.connection)}>
              #${frame.connection}
            </button>
            ${
              frame.kind === 'message'
                ? html`<span class="message">${frame.text}</span>`
                : html`<details>
                    <summary>${size(frame.length)}</summary>
                    <${Dump} hex=${frame.hex} length=${frame.length} />
                  </details>`
            }
          </li>`,
      )}
    </ol>
  </div>`;
}

/** Bytes in rows of sixteen, with what they are as characters. */
function Dump({ hex, length }) {
  const pairs = hex.match(/../gu) ?? [];
  const rows = [];
  for (let at = 0; at < pairs.length; at += 16) {
    const row = pairs.slice(at, at + 16);
    const characters = row.map((pair) => (pair === '••' ? '•' : printable(Number.parseInt(pair, 16))));
    rows.push(`${at.toString(16).padStart(4, '0')}  ${row.join(' ').padEnd(47)}  ${characters.join('')}`);
  }
  if (length > pairs.length) rows.push(`      … ${count(length - pairs.length)} bytes more`);
  return html`<pre>${rows.join('\n')}</pre>`;
}

function printable(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
}
