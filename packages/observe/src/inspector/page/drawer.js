// All that is known of one connection, beside whatever view is open.
import { useEffect, useRef, useState } from './lib/hooks.js';
import { brief, count, duration, size } from './format.js';
import { act, ask } from './live.js';
import { LogLines } from './log.js';
import { html, Icon, Sparkline, StateDot, SureButton } from './parts.js';

const MOST_SAMPLES = 60;

export function Drawer({ source, id, onClose, onFrames }) {
  const [about, setAbout] = useState();
  const [problem, setProblem] = useState();
  const [result, setResult] = useState();
  const samples = useRef([]);
  useEffect(() => {
    samples.current = [];
    setAbout(undefined);
    setResult(undefined);
  }, [source.key, id]);
  useEffect(() => {
    let isOver = false;
    ask(`/api/connection?source=${source.key}&id=${id}`).then(
      (reply) => {
        if (isOver) return;
        setAbout(reply ?? { row: null, log: [] });
        setProblem(undefined);
        const rates = reply?.row?.rates;
        samples.current = [
          ...samples.current,
          rates === undefined ? 0 : rates.bytesIn + rates.bytesOut,
        ].slice(-MOST_SAMPLES);
      },
      (error) => !isOver && setProblem(error.message),
    );
    return () => void (isOver = true);
  }, [source.key, id, source.at]);
  useEffect(() => {
    const onKey = (event) => event.key === 'Escape' && onClose();
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);

  const row = about?.row;
  const node = source.sections.node;
  const request = async (what) => setResult(await act(source.key, { connection: id, ...what }));
  return html`<aside class="drawer" aria-label=${`Connection ${id}`}>
    <header>
      ${row && html`<${StateDot} state=${row.isHeldBack && row.state === 'open' ? 'held back' : row.state} />`}
      <h2>Connection #${id}</h2>
      <button class="icon-button" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
    </header>
    ${problem !== undefined && html`<p class="problem">${problem}</p>`}
    ${about !== undefined && row === null && html`<p class="notice">It has ended. What the log still has of it is below.</p>`}
    ${row && html`<${Facts} row=${row} samples=${samples.current} />`}
    ${
      row &&
      node?.actions &&
      html`<div class="actions">
        <${SureButton} label="Disconnect" onSure=${() => request({ action: 'disconnect' })} />
        ${node.canBan && html`<${SureButton} label="Ban address" onSure=${() => request({ action: 'ban' })} />`}
        ${node.canBan && row.identity !== null && html`<${SureButton} label="Ban identity" onSure=${() => request({ action: 'ban', identity: true })} />`}
      </div>`
    }
    ${result !== undefined && html`<p class=${result.done ? 'notice' : 'problem'} role="status">${result.text}</p>`}
    ${row && node?.frames !== 'off' && html`<button class="button plain" onClick=${() => onFrames(id)}>Watch its frames</button>`}
    ${
      about !== undefined &&
      html`<h3>Log</h3>
        <${LogLines} lines=${about.log} />`
    }
  </aside>`;
}

function Facts({ row, samples }) {
  const { rates, stats, queues } = row;
  const facts = [
    ['Peer', html`<code>${row.address}</code>`],
    row.identity !== null && ['Identity', html`<code class="long">${row.identity}</code>`],
    ['This side', html`<code>${row.localAddress}</code>`],
    ['Direction', row.direction],
    [
      'State',
      [
        row.state,
        row.isHandling && 'a handler runs',
        row.isHeld && 'work is under way',
        row.isHeldBack && 'held back',
        row.hasEnded && 'our half has ended',
        row.peerHasEnded && "the peer's half has ended",
      ]
        .filter(Boolean)
        .join(', '),
    ],
    ['Open for', duration(row.ageMs)],
    ['Silent for', duration(row.idleMs)],
    ['Codec', row.codec ?? 'without a name'],
    ['Encryption', row.secureChannel ?? 'none'],
    ['Round trip', row.roundTripMs === null ? 'not measured' : `${row.roundTripMs.toFixed(1)} ms`],
    [
      'Waiting',
      `${size(queues.inboundBytes)} received, ${size(queues.outboundBytes)} to be sent (${count(queues.outboundMessages)} messages)`,
    ],
    ['Refused', `${count(stats.messagesRefused)} messages`],
  ].filter(Boolean);
  return html`
    <div class="drawer-traffic">
      <div>
        <span class="label">Received</span><b>${size(stats.bytesReceived)}</b
        ><em>${count(stats.messagesReceived)} messages</em
        ><em><i class="in"></i>${size(rates.bytesIn)}/s, ${brief(rates.messagesIn)} msg/s</em>
      </div>
      <div>
        <span class="label">Sent</span><b>${size(stats.bytesSent)}</b
        ><em>${count(stats.messagesSent)} messages</em
        ><em><i class="out"></i>${size(rates.bytesOut)}/s, ${brief(rates.messagesOut)} msg/s</em>
      </div>
    </div>
    <${Sparkline} values=${samples} tone="accent" />
    <dl class="facts">
      ${facts.map(
        ([name, value]) =>
          html`<div key=${name}>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  `;
}
