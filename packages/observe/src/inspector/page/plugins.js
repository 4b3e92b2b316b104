// The plugins of a node, and what they show of themselves.
import { useState } from './lib/hooks.js';
import { clock, count, plural } from './format.js';
import { act } from './live.js';
import { Empty, html, Panel, SureButton } from './parts.js';

export function Plugins({ source }) {
  const { plugins = [], bans = null, node } = source.sections;
  if (plugins.length === 0)
    return html`<${Empty} title="The node has no plugins"
      >What is given to <code>use()</code> as a plugin is listed here, with its state.<//
    >`;
  return html`<div class="plugins">
    ${plugins.map(
      ({ name, state, error }) =>
        html`<${Panel} key=${name} title=${name}>
          ${error !== null && html`<p class="problem">Its state could not be read: ${error}</p>`}
          ${error === null && state === null && !(name === 'bans' && bans !== null) && html`<p class="quiet">It shows no state.</p>`}
          ${state !== null && html`<${Value} value=${state} />`}
          ${name === 'bans' && bans !== null && html`<${Bans} source=${source.key} bans=${bans} actions=${node?.actions === true} />`}
        <//>`,
    )}
  </div>`;
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
            <span class="quiet">${ban.until === undefined ? 'for good' : `until ${clock(ban.until)}`}</span>
            ${actions && html`<${SureButton} label="Unban" tone="plain" onSure=${() => unban(ban)} />`}
          </li>`,
      )}
    </ul>
  </div>`;
}

/** Plain data as names and values, down to a depth that can be read. */
function Value({ value, depth = 0 }) {
  if (value === null) return html`<span class="quiet">none</span>`;
  if (typeof value === 'number') return html`<b>${count(value)}</b>`;
  if (typeof value === 'boolean') return html`<b>${value ? 'yes' : 'no'}</b>`;
  if (typeof value === 'string') return html`<code>${value === '' ? '–' : value}</code>`;
  if (depth > 3) return html`<span class="quiet">…</span>`;
  if (Array.isArray(value)) {
    if (value.length === 0) return html`<span class="quiet">none</span>`;
    const shown = value.slice(0, 50);
    return html`<ol class="values">
      ${shown.map((each, index) => html`<li key=${index}><${Value} value=${each} depth=${depth + 1} /></li>`)}
      ${value.length > shown.length && html`<li class="quiet">and ${count(value.length - shown.length)} more</li>`}
    </ol>`;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return html`<span class="quiet">none</span>`;
  return html`<dl class=${depth === 0 ? 'facts' : 'facts nested'}>
    ${entries.map(
      ([name, each]) =>
        html`<div key=${name}>
          <dt>${name}</dt>
          <dd><${Value} value=${each} depth=${depth + 1} /></dd>
        </div>`,
    )}
  </dl>`;
}
