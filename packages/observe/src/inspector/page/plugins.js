// The plugins of a node, and what they show of themselves.
import { useState } from './lib/hooks.js';
import { count, duration, plural, words } from './format.js';
import { act } from './live.js';
import { Empty, html, Panel, SureButton } from './parts.js';

export function Plugins({ source }) {
  const { plugins = [], node } = source.sections;
  if (plugins.length === 0)
    return html`<${Empty} title="The node has no plugins"
      >What is given to <code>use()</code> as a plugin is listed here, with its state.<//
    >`;
  const isWide = ({ name, state }) => isRecord(state) && partsOf(name, state, node).isWide;
  const shown = (some) =>
    some.map(
      (plugin) => html`<${Plugin} key=${plugin.name} ...${plugin} source=${source.key} node=${node} />`,
    );
  return html`<div class="plugins">
    <div class="narrow">${shown(plugins.filter((plugin) => !isWide(plugin)))}</div>
    ${shown(plugins.filter(isWide))}
  </div>`;
}

/** What is said in one line, and what has a table of its own. */
function partsOf(name, state, node) {
  // Bans have buttons.
  const { bans, ...others } = state;
  const hasBans = name === 'bans' && node?.canBan === true && isExcerpt(bans);
  const { facts, lists } = sorted(hasBans ? others : state);
  return {
    facts,
    lists,
    bans: hasBans ? bans : undefined,
    isWide: lists.length > 0 || (hasBans && bans.total > 0),
  };
}

function Plugin({ name, state, error, source, node }) {
  if (error !== null)
    return html`<${Panel} title=${name}><p class="problem">Its state could not be read: ${error}</p><//>`;
  if (!isRecord(state))
    return html`<${Panel} title=${name}>
      ${state === null ? html`<p class="quiet">It shows no state.</p>` : html`<${Value} value=${state} />`}
    <//>`;
  const { facts, lists, bans, isWide } = partsOf(name, state, node);
  return html`<${Panel} title=${name} class=${isWide ? 'wide' : ''}>
    ${facts.length > 0 && html`<${Facts} entries=${facts} />`}
    ${lists.map(([title, list]) => html`<${List} key=${title} title=${title} ...${list} />`)}
    ${bans !== undefined && html`<${Bans} source=${source} bans=${bans} actions=${node.actions === true} />`}
  <//>`;
}

function Bans({ source, bans, actions }) {
  const [result, setResult] = useState();
  const unban = async ({ prefix, identity }) =>
    setResult(
      await act(source, { action: 'unban', target: identity ?? prefix, identity: identity !== undefined }),
    );
  if (bans.total === 0) return html`<p class="quiet">Nobody is banned.</p>`;
  return html`<div class="bans">
    <h3>${plural(bans.total, 'ban')}</h3>
    ${result !== undefined && html`<p class=${result.done ? 'quiet' : 'problem'}>${result.text}</p>`}
    <ul>
      ${bans.items.map(
        (ban) =>
          html`<li key=${ban.prefix ?? ban.identity}>
            <code>${ban.prefix ?? ban.identity}</code>
            <span class="quiet">${ban.why ?? ''}</span>
            <span class="quiet">${ban.until === undefined ? 'for good' : `until ${moment(ban.until)}`}</span>
            ${actions && html`<${SureButton} label="Unban" tone="plain" onSure=${() => unban(ban)} />`}
          </li>`,
      )}
    </ul>
    ${bans.total > bans.items.length && html`<p class="quiet">The latest are shown.</p>`}
  </div>`;
}

/** What is one value, and what is a list: lists come below, with a heading of their own. */
function sorted(state) {
  const facts = [];
  const lists = [];
  for (const [name, value] of Object.entries(state)) {
    const list = isExcerpt(value)
      ? value
      : Array.isArray(value) && value.some(isRecord)
        ? whole(value)
        : undefined;
    if (list === undefined || list.total === 0) facts.push([name, list === undefined ? value : 0]);
    else lists.push([name, list]);
  }
  return { facts, lists };
}

/** The first of many: records as a table. */
function List({ title, total, items }) {
  const columns = items.some(isRecord)
    ? [...new Set(items.flatMap((item) => (isRecord(item) ? Object.keys(item) : [])))]
    : [];
  return html`<div class="list">
    <h3>${words(title)} <span class="quiet">${count(total)}</span></h3>
    ${
      columns.length === 0
        ? html`<ul class="values">
            ${items.map((item, index) => html`<li key=${index}><${Value} value=${item} /></li>`)}
          </ul>`
        : html`<div class="records">
            <table>
              <thead>
                <tr>
                  ${columns.map((column) => html`<th key=${column}>${words(column)}</th>`)}
                </tr>
              </thead>
              <tbody>
                ${items.map(
                  (item, index) =>
                    html`<tr key=${index}>
                      ${columns.map((column) => html`<td key=${column}><${Value} name=${column} value=${item?.[column] ?? null} depth=${2} /></td>`)}
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>`
    }
    ${total > items.length && html`<p class="quiet">and ${count(total - items.length)} more</p>`}
  </div>`;
}

function Facts({ entries, depth = 0 }) {
  return html`<dl class=${depth === 0 ? 'facts' : 'facts nested'}>
    ${entries.map(
      ([name, value]) =>
        html`<div key=${name}>
          <dt>${words(name)}</dt>
          <dd><${Value} name=${name} value=${value} depth=${depth + 1} /></dd>
        </div>`,
    )}
  </dl>`;
}

/** Plain data, down to a depth that can be read. The ends of names tell durations and times, as `PLUGIN_STATE` has it. */
function Value({ name = '', value, depth = 0 }) {
  if (value === null) return html`<span class="quiet">–</span>`;
  if (typeof value === 'number') return html`<b>${inUnit(name, value)}</b>`;
  if (typeof value === 'boolean') return html`<b>${value ? 'yes' : 'no'}</b>`;
  if (typeof value === 'string') return html`<code title=${value}>${value === '' ? '–' : value}</code>`;
  if (depth > 3) return html`<span class="quiet">…</span>`;
  if (Array.isArray(value)) return inOneLine(value);
  if (isExcerpt(value)) return html`<b>${count(value.total)}</b>`;
  const entries = Object.entries(value);
  if (entries.length === 0) return html`<span class="quiet">–</span>`;
  return html`<${Facts} entries=${entries} depth=${depth} />`;
}

function inOneLine(list) {
  const shown = list
    .slice(0, 20)
    .map((each) => (typeof each === 'object' ? JSON.stringify(each) : String(each)));
  if (shown.length === 0) return html`<span class="quiet">–</span>`;
  return html`<code>${shown.join(', ')}${list.length > shown.length ? ' …' : ''}</code>`;
}

function inUnit(name, value) {
  if (name.endsWith('Ms')) return duration(value);
  if (name === 'until' || name.endsWith('At')) return moment(value);
  // Ids are not amounts.
  return name === 'connection' ? String(value) : count(value);
}

/** Today by the clock, other days with their date. */
function moment(at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? date.toTimeString().slice(0, 8) : date.toISOString().slice(0, 16).replace('T', ' ');
}

function whole(items) {
  return { total: items.length, items: items.slice(0, 50) };
}

function isExcerpt(value) {
  return isRecord(value) && typeof value.total === 'number' && Array.isArray(value.items);
}

function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
