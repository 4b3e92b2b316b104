// Why connections ended, and what was refused.
import { StackedColumns, hueOf } from './charts.js';
import { count } from './format.js';
import { Empty, html, Panel } from './parts.js';

export function Endings({ source }) {
  const { history: columns = [], ended = [], refused, limits = [] } = source.sections;
  return html`<div class="endings">
    <${Chart} title="Why connections ended" columns=${columns} field="ended" empty="None has ended lately" />
    <${Chart}
      title="What was refused"
      columns=${columns}
      field="refused"
      empty="Nothing was refused lately"
    />
    <${Causes}
      title="Ends"
      note="since the start"
      causes=${ended}
      limits=${limits}
      empty="No connection has ended"
    />
    <div class="column">
      <${Causes}
        title="Inbound peers refused"
        causes=${refused?.inbound ?? []}
        limits=${limits}
        empty="No peer was refused"
      />
      <${Causes}
        title="Dials that failed"
        causes=${refused?.outbound ?? []}
        limits=${limits}
        empty="No dial has failed"
      />
      <${Causes}
        title="Messages refused"
        causes=${refused?.messages ?? []}
        limits=${limits}
        empty="No message was refused"
      />
    </div>
  </div>`;
}

function Chart({ title, columns, field, empty }) {
  const hasSome = columns.some((column) => Object.keys(column[field]).length > 0);
  return html`<${Panel} title=${title} note="the last 15 minutes, in columns of 5 seconds">
    ${
      hasSome
        ? html`<${StackedColumns} columns=${columns} field=${field} height=${220} /><${Legend}
              columns=${columns}
              field=${field}
              most=${8}
            />`
        : html`<${Empty} title=${empty} />`
    }
  <//>`;
}

/** The causes of a chart, those that happened most first. */
export function Legend({ columns, field, most }) {
  const sums = new Map();
  for (const column of columns) {
    for (const [name, times] of Object.entries(column[field])) sums.set(name, (sums.get(name) ?? 0) + times);
  }
  const sorted = [...sums].sort(([, one], [, other]) => other - one);
  return html`<ul class="legend">
    ${sorted.slice(0, most).map(([name, times]) => html`<li key=${name} title=${name}><i class=${hueOf(name)}></i><span>${name}</span><b>${count(times)}</b></li>`)}
    ${sorted.length > most && html`<li class="more">and ${sorted.length - most} more</li>`}
  </ul>`;
}

function Causes({ title, note, causes, limits, empty }) {
  const sorted = [...causes].sort((one, other) => other.count - one.count);
  const total = sorted.reduce((sum, { count: times }) => sum + times, 0);
  const valueOf = (option) => limits.find(({ name }) => name === option)?.value;
  return html`<${Panel} title=${title} note=${note ?? (total > 0 ? count(total) : undefined)}>
    ${sorted.length === 0 && html`<${Empty} title=${empty} />`}
    <ul class="causes shares">
      ${sorted.map(
        ({ cause, option, count: times }) =>
          html`<li key=${cause}>
            <i class=${hueOf(cause)}></i>
            <span class="cause" title=${cause}>${cause}</span>
            ${option !== null && html`<span class="what">limit <code>${option}</code>${valueOf(option) !== undefined && html` = ${count(valueOf(option))}`}</span>`}
            <b>${count(times)}</b>
            <div class="share">
              <div class=${hueOf(cause)} style=${{ width: `${(times / total) * 100}%` }}></div>
            </div>
          </li>`,
      )}
    </ul>
  <//>`;
}
