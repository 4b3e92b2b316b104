// What README.md and docs/getting-started.md tell a stranger to install, to set and to run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FENCE = /^```([^\n]*)\n([\s\S]*?)^```$/gm;

export function readPages(root) {
  const fences = ['README.md', 'docs/getting-started.md'].flatMap((page) => fencesOf(root, page));
  const programs = fences.flatMap(({ page, info, text }, index) => {
    if (info !== 'ts run') return [];
    const next = fences[index + 1];
    const output = next?.info === 'text output' ? next.text : undefined;
    return [{ name: `${page.replace(/^.*\/|\.md$/g, '')}-${index}`, text, output }];
  });
  const decorated = ({ text }) => text.includes('@pea2pea/decorators');
  return {
    tsconfig: JSON.parse(fences.find(({ page, info }) => page.includes('started') && info === 'json').text),
    decorated: {
      install: installed(fences.find(({ page, info }) => page.includes('started') && info === 'sh').text),
      programs: programs.filter(decorated),
    },
    plain: {
      install: installed(fences.find(({ info }) => info === 'sh').text.split('\n')[0]),
      programs: programs.filter((program) => !decorated(program)),
    },
  };
}

function fencesOf(root, page) {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(FENCE)].map(([, info, text]) => ({ page, info: info.trim(), text }));
}

/** The names after `npm install`, and those after `npm install --save-dev`. */
function installed(commands) {
  const lines = commands
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .filter(([npm, install]) => npm === 'npm' && install === 'install');
  const isDev = (line) => line.includes('--save-dev');
  const namesOf = (line) => line.slice(2).filter((word) => !word.startsWith('-'));
  return {
    names: lines.filter((line) => !isDev(line)).flatMap(namesOf),
    devNames: lines.filter(isDev).flatMap(namesOf),
  };
}
