// The table of connections: what is in sight is asked for, however many there are.
import { useEffect, useRef, useState } from './lib/hooks.js';
import { brief, count, duration, shortIdentity, size } from './format.js';
import { ask } from './live.js';
import { Empty, html, Icon, Panel, SearchField, StateDot, useSize } from './parts.js';

const ROW = 38;
/** Rows above and below those in sight. */
const SPARE = 10;

const COLUMNS = [
  { key: 'peer', label: 'Peer' },
  { key: 'direction', label: '', title: 'direction', narrow: true },
  { key: 'age', label: 'Age', right: true },
  { key: 'idle', label: 'Idle', right: true },
  { key: 'messages', label: 'Messages/s', right: true },
  { key: 'bytes', label: 'Bytes/s', right: true },
  {
    key: 'queues',
    label: 'Waiting',
    right: true,
    title: 'bytes that were received and not handled, and bytes to be sent',
  },
  { key: 'roundTrip', label: 'Round trip', right: true, wide: true },
  { key: 'channel', label: 'Encryption', wide: true },
  { key: 'codec', label: 'Codec', wide: true },
  { key: 'id', label: 'Last line', wide: true, title: 'of the log; sorts by the time of opening' },
];

export function Connections({ source, open, onOpen }) {
  const [order, setOrder] = useState({ sort: 'bytes', descending: true });
  const [filter, setFilter] = useState('');
  const [top, setTop] = useState(0);
  const [page, setPage] = useState();
  const [problem, setProblem] = useState();
  const body = useRef();
  const { height } = useSize(body);
  const offset = Math.max(0, Math.floor(top / ROW) - SPARE);
  const limit = Math.ceil(height / ROW) + 2 * SPARE;
  const asked = useRef(0);

  useEffect(() => {
    if (height === 0) return;
    const number = ++asked.current;
    const query = new URLSearchParams({
      source: source.key,
      sort: order.sort,
      order: order.descending ? 'descending' : 'ascending',
      filter,
      offset,
      limit,
    });
    ask(`/api/connections?${query}`).then(
      (reply) => {
        if (number !== asked.current) return; // a later question is under way
        setPage(reply);
        setProblem(undefined);
      },
      (error) => setProblem(error.message),
    );
  }, [source.key, source.at, order, filter, offset, limit, height]);

  const onSort = (key) =>
    setOrder(({ sort, descending }) => ({
      sort: key,
      descending: sort === key ? !descending : !['peer', 'direction', 'codec', 'channel'].includes(key),
    }));
  const total = source.sections.connections?.total ?? 0;
  const matching = page?.matching ?? 0;
  return html`<${Panel}
    class="fill"
    title="Connections"
    note=${filter === '' ? count(total) : `${count(matching)} of ${count(total)}`}
    actions=${html`<${SearchField} value=${filter} onInput=${(text) => (setFilter(text), setTop(0))} placeholder="Address, identity, codec, #id" />`}
  >
    ${problem !== undefined && html`<p class="problem">${problem}</p>`}
    <div class="table" role="table" aria-rowcount=${matching}>
      <div class="row head" role="row">
        ${COLUMNS.map(
          ({ key, label, title, right, wide, narrow }) =>
            html`<button
              key=${key}
              role="columnheader"
              title=${title}
              aria-label=${label === '' ? title : undefined}
              aria-sort=${order.sort === key ? (order.descending ? 'descending' : 'ascending') : 'none'}
              class=${`cell ${key} ${right ? 'right' : ''} ${wide ? 'wide-only' : ''} ${narrow ? 'narrow' : ''}`}
              onClick=${() => onSort(key)}
            >
              ${label}<span class="arrow">${order.sort === key ? (order.descending ? '↓' : '↑') : ''}</span>
            </button>`,
        )}
      </div>
      <div class="body" ref=${body} onScroll=${(event) => setTop(event.currentTarget.scrollTop)}>
        <div style=${{ height: `${matching * ROW}px` }}>
          ${page?.rows.map(
            (row, index) =>
              html`<${Row}
                key=${row.id}
                row=${row}
                at=${(page.offset + index) * ROW}
                isOpen=${open === row.id}
                onOpen=${() => onOpen(source.key, row.id)}
              />`,
          )}
        </div>
        ${
          page !== undefined &&
          matching === 0 &&
          html`<${Empty} title=${total === 0 ? 'Nobody is connected' : 'No connection matches'}>
            ${total === 0 ? 'Connections appear here as they are opened.' : 'The filter looks at addresses, identities, directions, states, codecs and ids.'}
          <//>`
        }
      </div>
    </div>
  <//>`;
}

function Row({ row, at, isOpen, onOpen }) {
  const { address, identity, direction, rates, queues, secureChannel } = row;
  const state = row.state === 'open' && row.isHeldBack ? 'held back' : row.state;
  const waiting = queues.inboundBytes + queues.outboundBytes;
  return html`<div
    class=${`row ${isOpen ? 'open' : ''}`}
    role="row"
    style=${{ transform: `translateY(${at}px)` }}
    tabindex="0"
    onClick=${onOpen}
    onKeyDown=${(event) => event.key === 'Enter' && onOpen()}
  >
    <span class="cell peer" role="cell"
      ><${StateDot} state=${state} />
      ${identity === null ? html`<span class="address">${address}</span>` : html`<span class="identity" title=${identity}>${shortIdentity(identity, 18)}</span><span class="address second">${address}</span>`}
    </span>
    <span class=${`cell direction narrow ${direction === 'inbound' ? 'in' : 'out'}`} role="cell"
      ><${Icon} name=${direction === 'inbound' ? 'in' : 'out'} label=${direction}
    /></span>
    <span class="cell age right" role="cell">${duration(row.ageMs)}</span>
    <span class="cell idle right" role="cell"
      >${row.idleMs < 1_000 ? html`<span class="quiet">now</span>` : duration(row.idleMs)}</span
    >
    <span class="cell messages right" role="cell"
      ><${Amount} value=${rates.messagesIn + rates.messagesOut} format=${brief}
    /></span>
    <span class="cell bytes right" role="cell"
      ><${Amount} value=${rates.bytesIn + rates.bytesOut} format=${size}
    /></span>
    <span class=${`cell queues right ${waiting > 0 ? 'busy' : ''}`} role="cell"
      ><${Amount} value=${waiting} format=${size}
    /></span>
    <span class="cell roundTrip right wide-only" role="cell"
      >${row.roundTripMs === null ? html`<span class="quiet">–</span>` : `${row.roundTripMs.toFixed(1)} ms`}</span
    >
    <span class="cell channel wide-only" role="cell" title=${secureChannel}
      >${secureChannel === null ? html`<span class="quiet">none</span>` : html`<${Icon} name="lock" /> ${secureChannel}`}</span
    >
    <span class="cell codec wide-only" role="cell">${row.codec ?? html`<span class="quiet">–</span>`}</span>
    <span class="cell id wide-only quiet" role="cell" title=${row.lastLine}>${row.lastLine ?? ''}</span>
  </div>`;
}

/** Nothing is shown quieter than something. */
function Amount({ value, format }) {
  return value === 0 ? html`<span class="quiet">0</span>` : html`${format(value)}`;
}
