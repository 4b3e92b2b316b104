// The first view: how it goes, at a glance.
import { StackedColumns, hueOf } from './charts.js';
import { brief, count, duration, plural, size, sizeParts } from './format.js';
import { Legend } from './endings.js';
import { LogLines } from './log.js';
import { Empty, html, Meter, Panel, Sparkline } from './parts.js';
import { Topology } from './topology.js';

export function Overview({ source, sources, onSource, onOpen, onView }) {
  const { sections } = source;
  const columns = sections.history ?? [];
  const hasEnds = columns.some(({ ended }) => Object.keys(ended).length > 0);
  const onPeer = (key, peer) =>
    peer.count === 1 ? onOpen(key, peer.connection) : onView('connections', key);
  return html`<div class="overview">
    <${Tiles} sections=${sections} />
    <${Panel}
      class="wide"
      title="Who is connected"
      note=${sources.length > 1 ? plural(sources.length, 'process', 'processes') : undefined}
      actions=${html`<${Key} />`}
    >
      <${Topology}
        sources=${sources}
        selected=${source.key}
        onSource=${onSource}
        onPeer=${onPeer}
        height=${420}
      />
    <//>
    <div class="column">
      <${Panel} title="Why connections ended" note="the last 15 minutes">
        ${
          hasEnds
            ? html`<${StackedColumns} columns=${columns} field="ended" height=${150} /><${Legend}
                  columns=${columns}
                  field="ended"
                  most=${4}
                />`
            : html`<${Empty} title="None has ended lately" />`
        }
      <//>
      <${Refusals} refused=${sections.refused} onView=${onView} />
    </div>
    <${Limits} limits=${sections.limits ?? []} />
    <${Panel}
      title="Log"
      actions=${html`<button class="link" onClick=${() => onView('log')}>all lines</button>`}
    >
      <${LogLines} isBrief=${true} lines=${source.log.slice(-9)} onOpen=${(id) => onOpen(source.key, id)} />
    <//>
  </div>`;
}

function Key() {
  return html`<span class="key">
    <i class="in"></i>inbound <i class="out"></i>outbound <i class="warn"></i>held back
    <i class="bad"></i>ending
  </span>`;
}

function Tiles({ sections }) {
  const { connections, traffic, buffered, setups, limits = [], history = [] } = sections;
  const limit = (name, direction = null) =>
    limits.find((one) => one.name === name && one.direction === direction);
  const rates = traffic?.rates ?? { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
  const over = (name) => history.slice(-60).map((column) => column[name]);
  const most = limit('maxConnections')?.value ?? 0;
  const line = limit('listenBacklog');
  const setupLimit = limit('maxConnecting');
  const waiting = (buffered?.inboundBytes ?? 0) + (buffered?.outboundBytes ?? 0);
  const [bytes, unit] = sizeParts(rates.bytesIn + rates.bytesOut);
  const [kept, keptUnit] = sizeParts(waiting);
  return html`<div class="tiles">
    <${Tile} label="Connections" value=${count(connections?.total ?? 0)} unit=${`of ${count(most)}`}>
      <${Meter} used=${connections?.total ?? 0} value=${most} />
      <${Pair}
        one=${['in', count(connections?.byDirection.inbound ?? 0), 'inbound']}
        other=${['out', count(connections?.byDirection.outbound ?? 0), 'outbound']}
      />
    <//>
    <${Tile} label="Messages" value=${brief(rates.messagesIn + rates.messagesOut)} unit="a second">
      <${Sparkline} values=${sum(over('messagesIn'), over('messagesOut'))} tone="accent" />
      <${Pair}
        one=${['in', brief(rates.messagesIn), 'in']}
        other=${['out', brief(rates.messagesOut), 'out']}
      />
    <//>
    <${Tile} label="Traffic" value=${bytes} unit=${`${unit} a second`}>
      <${Sparkline} values=${sum(over('bytesIn'), over('bytesOut'))} tone="accent" />
      <${Pair}
        one=${['in', `${size(rates.bytesIn)}/s`, 'in']}
        other=${['out', `${size(rates.bytesOut)}/s`, 'out']}
      />
    <//>
    <${Tile} label="Waiting in memory" value=${kept} unit=${keptUnit}>
      <${Meter}
        used=${Math.max(buffered?.inboundBytes ?? 0, buffered?.outboundBytes ?? 0)}
        value=${limit('maxBufferedBytes', 'inbound')?.value ?? 0}
      />
      <${Pair}
        one=${['in', size(buffered?.inboundBytes ?? 0), 'received']}
        other=${['out', size(buffered?.outboundBytes ?? 0), 'to be sent']}
      />
    <//>
    <${Tile}
      label="Being set up"
      value=${count(setups?.total ?? 0)}
      unit=${`of ${count(setupLimit?.value ?? 0)}`}
    >
      <${Meter} used=${setups?.total ?? 0} value=${setupLimit?.value ?? 0} />
      <div class="pair">
        <span>${count(buffered?.waiting ?? 0)} of ${count(line?.value ?? 0)} in the waiting line</span>
      </div>
    <//>
  </div>`;
}

function sum(one, other) {
  return one.map((value, index) => value + other[index]);
}

function Tile({ label, value, unit, children }) {
  return html`<div class="tile">
    <span class="label">${label}</span>
    <span class="figure">${value} <small>${unit}</small></span>
    ${children}
  </div>`;
}

function Pair({ one, other }) {
  return html`<div class="pair">
    ${[one, other].map(([tone, value, label]) => html`<span><i class=${tone}></i>${value} <em>${label}</em></span>`)}
  </div>`;
}

function Refusals({ refused, onView }) {
  const all = refused === undefined ? [] : [...refused.inbound, ...refused.outbound, ...refused.messages];
  const most = [...all].sort((one, other) => other.count - one.count).slice(0, 4);
  return html`<${Panel}
    title="Refused"
    actions=${html`<button class="link" onClick=${() => onView('endings')}>all causes</button>`}
  >
    ${most.length === 0 && html`<${Empty} title="Nobody was refused" />`}
    <ul class="causes">
      ${most.map(
        ({ cause, option, count: times }) =>
          html`<li key=${cause}>
            <i class=${hueOf(cause)}></i>
            <span class="cause">${option ?? cause}</span>
            <span class="what">${option === null ? '' : 'limit reached'}</span>
            <b>${count(times)}</b>
          </li>`,
      )}
    </ul>
  <//>`;
}

function Limits({ limits }) {
  const used = limits.filter((limit) => limit.used !== null);
  const fixed = limits.filter((limit) => limit.used === null);
  const shown = ({ unit }, value) =>
    unit === 'bytes' ? size(value) : unit === 'ms' ? (value === 0 ? 'never' : duration(value)) : count(value);
  return html`<${Panel} title="Limits" note="and what is used of them" class="wide">
    <div class="limits">
      ${used.map(
        (limit) =>
          html`<div class="limit" key=${`${limit.name} ${limit.direction}`}>
            <code>${limit.name}</code>${limit.direction !== null && html`<em>${limit.direction}</em>`}
            <${Meter} used=${limit.used} value=${limit.value} />
            <span>${shown(limit, limit.used)} <em>of ${shown(limit, limit.value)}</em></span>
          </div>`,
      )}
    </div>
    <div class="limits fixed">
      ${fixed.map((limit) => html`<div key=${limit.name}><code>${limit.name}</code><span>${shown(limit, limit.value)}${limit.unit === 'handshakes/s' ? '/s' : ''}</span></div>`)}
    </div>
  <//>`;
}
