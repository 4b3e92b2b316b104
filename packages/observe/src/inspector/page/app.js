// The page: what is served at the address that the inspector has shown.
import { render } from './lib/preact.js';
import { useState } from './lib/hooks.js';
import { Connections } from './connections.js';
import { Drawer } from './drawer.js';
import { Endings } from './endings.js';
import { count, duration, nameOf } from './format.js';
import { Frames } from './frames.js';
import { act, setPaused, useLive } from './live.js';
import { Log } from './log.js';
import { Overview } from './overview.js';
import { html, Icon, SureButton } from './parts.js';
import { Plugins } from './plugins.js';
import { currentTheme, toggleTheme } from './theme.js';

const VIEWS = [
  ['overview', 'Overview'],
  ['connections', 'Connections'],
  ['endings', 'Ends and refusals'],
  ['plugins', 'Plugins'],
  ['frames', 'Frames'],
  ['log', 'Log'],
];

/** The view is in the address, beside the token, so that it outlives a reload. */
function viewOfAddress() {
  const view = new URLSearchParams(location.hash.slice(1)).get('view');
  return VIEWS.some(([name]) => name === view) ? view : 'overview';
}

function App() {
  const live = useLive();
  const [selected, setSelected] = useState();
  const [view, setView] = useState(viewOfAddress);
  const [opened, setOpened] = useState();
  const [watched, setWatched] = useState();
  const sources = [...live.sources.values()];
  const source = live.sources.get(selected) ?? sources[0];

  const onView = (name, key) => {
    if (key !== undefined) setSelected(key);
    setView(name);
    const address = new URLSearchParams(location.hash.slice(1));
    address.set('view', name);
    history.replaceState(null, '', `#${address}`);
  };
  const onSource = (key) => {
    setSelected(key);
    setOpened(undefined);
    setWatched(undefined);
  };
  const onOpen = (key, id) => {
    setSelected(key);
    setOpened(id);
  };
  const onFrames = (id) => {
    setWatched(id);
    onView('frames');
  };

  if (live.status === 'refused') return html`<${Refused} why=${live.why} />`;
  if (source === undefined) return html`<${Waiting} status=${live.status} why=${live.why} />`;
  const shown = { source, sources, onOpen, onView, onSource };
  return html`
    <${TopBar} live=${live} source=${source} sources=${sources} onSource=${onSource} />
    <nav class="tabs" aria-label="Views">
      ${VIEWS.map(
        ([name, label]) =>
          html`<button
            key=${name}
            class=${name === view ? 'on' : ''}
            aria-current=${name === view ? 'page' : undefined}
            onClick=${() => onView(name)}
          >
            ${label}${name === 'connections' && html`<small>${count(source.sections.connections?.total ?? 0)}</small>`}
          </button>`,
      )}
    </nav>
    <${Banner} live=${live} source=${source} />
    <main class=${opened === undefined ? '' : 'beside'}>
      <div class="view" key=${`${view} ${source.key}`}>
        ${view === 'overview' && html`<${Overview} ...${shown} />`}
        ${view === 'connections' && html`<${Connections} ...${shown} open=${opened} />`}
        ${view === 'endings' && html`<${Endings} ...${shown} />`}
        ${view === 'plugins' && html`<${Plugins} ...${shown} />`}
        ${view === 'frames' && html`<${Frames} ...${shown} connection=${watched} onAll=${() => setWatched(undefined)} />`}
        ${view === 'log' && html`<${Log} ...${shown} />`}
      </div>
      ${opened !== undefined && html`<${Drawer} source=${source} id=${opened} onClose=${() => setOpened(undefined)} onFrames=${onFrames} />`}
    </main>
  `;
}

function TopBar({ live, source, sources, onSource }) {
  const { node } = source.sections;
  return html`<header class="top">
    <span class="brand"><${Mark} />pea2pea<em>inspector</em></span>
    <div class="processes" role="tablist" aria-label="Processes">
      ${sources.map(
        ({ key, sections, lost }) =>
          html`<button
            key=${key}
            role="tab"
            aria-selected=${key === source.key}
            class=${`process ${key === source.key ? 'on' : ''}`}
            onClick=${() => onSource(key)}
          >
            <span class=${`dot ${lost === undefined ? (sections.node?.state ?? 'waiting') : 'lost'}`}></span>
            <b>${nameOf({ sections }, sources) ?? (lost === undefined ? '…' : 'lost')}</b>
            <small>${sections.connections === undefined ? '' : count(sections.connections.total)}</small>
          </button>`,
      )}
    </div>
    ${
      node !== undefined &&
      html`<span class="where">
        ${node.listening.length === 0 ? 'does not listen' : html`<code>${node.listening[0]}</code>`}${node.listening.length > 1 && ` +${node.listening.length - 1}`}
        <span> · pid ${node.process} · up ${duration(Math.max(0, source.at - node.since))}</span>
      </span>`
    }
    <span class="tools">
      ${node?.actions && html`<${Drain} source=${source.key} />`}
      <button
        class=${`status ${live.paused ? 'paused' : live.status}`}
        onClick=${() => setPaused(!live.paused)}
        title=${live.paused ? 'Go on' : 'Hold the picture'}
      >
        <${Icon} name=${live.paused ? 'play' : 'pause'} />${live.paused ? 'paused' : live.status}
      </button>
      <${ThemeButton} />
    </span>
  </header>`;
}

function Drain({ source }) {
  const [result, setResult] = useState();
  return html`${result !== undefined && html`<span class="quiet" role="status">${result.text}</span>`}
    <${SureButton}
      label="Drain"
      sure="Drain and close?"
      onSure=${async () => setResult(await act(source, { action: 'drain' }))}
    />`;
}

function ThemeButton() {
  const [, draw] = useState(0);
  const onClick = () => {
    toggleTheme();
    draw((drawn) => drawn + 1);
  };
  const other = currentTheme() === 'dark' ? 'light' : 'dark';
  return html`<button class="icon-button" aria-label=${`Use ${other} colours`} onClick=${onClick}>
    <${Icon} name=${other === 'light' ? 'sun' : 'moon'} />
  </button>`;
}

function Mark() {
  return html`<svg class="mark" viewBox="0 0 24 24" role="presentation">
    <path d="M7 7.500 17 16.500M7 16.500 17 7.500" />
    <circle cx="6" cy="6.500" r="3" />
    <circle cx="18" cy="6.500" r="3" />
    <circle cx="6" cy="17.500" r="3" />
    <circle cx="18" cy="17.500" r="3" />
  </svg>`;
}

function Banner({ live, source }) {
  if (live.status === 'lost')
    return html`<p class="banner" role="alert">Nothing new is known: ${live.why}. Trying again…</p>`;
  if (source.lost !== undefined)
    return html`<p class="banner" role="alert">
      Nothing new is known of this process: ${source.lost}. Trying again…
    </p>`;
  const { state } = source.sections.node ?? {};
  if (state === 'draining' || state === 'closing' || state === 'closed')
    return html`<p class="banner calm" role="status">The node is ${state}.</p>`;
  return null;
}

function Refused({ why }) {
  return html`<div class="full">
    <${Mark} />
    <h1>This address does not open the inspector</h1>
    <p>${why}.</p>
    <p class="quiet">
      Its address has a token, which changes with each start of the process unless you choose one. Copy the
      whole of what <code>node.plugin(inspector).url</code> says, or what <code>pea2pea-inspect</code> has
      printed.
    </p>
  </div>`;
}

function Waiting({ status, why }) {
  return html`<div class="full">
    <${Mark} />
    <h1>${status === 'lost' ? 'The process does not reply' : 'Connecting…'}</h1>
    ${status === 'lost' && html`<p>${why}. Trying again…</p>`}
  </div>`;
}

render(html`<${App} />`, document.querySelector('#app'));
