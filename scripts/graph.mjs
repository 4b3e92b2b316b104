// Draws the graphs of docs/architecture.md from the imports of the sources: `npm run graph` writes them into the page.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { PACKAGES, sourcesIn, specifiersIn } from './floors.mjs';

const OURS = '@pea2pea/';
const PAGE = 'docs/architecture.md';

/** Each graph of the page, by the name that its place there has. */
export function graphs(root) {
  return {
    packages: mermaid(packageEdges(root)),
    core: mermaid(floorEdges(root, 'core')),
    decorators: mermaid(floorEdges(root, 'decorators')),
  };
}

/** The page with each graph in its place. */
export function withGraphs(page, root) {
  return Object.entries(graphs(root)).reduce((text, [name, graph]) => {
    const place = new RegExp(`(<!-- begin graph ${name} -->\n)[^]*?(<!-- end graph ${name} -->)`);
    if (!place.test(text)) throw new Error(`the page has no place for the graph ${name}`);
    return text.replace(place, `$1\n\`\`\`mermaid\n${graph}\`\`\`\n\n$2`);
  }, page);
}

/**
 * Which package imports which, and what each needs to be installed. A sub-path stands apart where it imports more than
 * its package does.
 */
function packageEdges(root) {
  const edges = new Edges();
  for (const name of Object.keys(PACKAGES)) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
    const imports = new Map();
    for (const { path, specifiers } of filesOf(root, name)) {
      const entry = path.split('/')[0].replace(/\.ts$/, '');
      const from = `./${entry}` in manifest.exports ? `${name}/${entry}` : name;
      for (const specifier of specifiers.filter((each) => each.startsWith(OURS))) {
        const to = specifier.slice(OURS.length).split('/')[0];
        if (to !== name) imports.set(from, (imports.get(from) ?? new Set()).add(to));
      }
    }
    for (const [from, targets] of imports) {
      const more = [...targets].filter((to) => from === name || !imports.get(name)?.has(to));
      if (from !== name && more.length > 0) edges.add(from, name);
      for (const to of more) edges.add(from, to);
    }
    const optional = manifest.peerDependenciesMeta ?? {};
    for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
      if (!peer.startsWith(OURS) && optional[peer]?.optional !== true) edges.add(name, peer);
    }
  }
  return edges.reduced();
}

/** Which floor of a package imports which; the files above all floors stand for themselves. */
function floorEdges(root, name) {
  const edges = new Edges();
  const placeOf = (path) => (dirname(path) === '.' ? path : `${dirname(path)}/`);
  for (const { path, targets } of filesOf(root, name)) {
    for (const target of targets) {
      if (placeOf(target) !== placeOf(path)) edges.add(placeOf(path), placeOf(target));
    }
  }
  return edges.reduced();
}

/** The sources of a package: their paths below `src`, what they import of it, and the other specifiers. */
function filesOf(root, name) {
  const src = join(root, 'packages', name, 'src');
  const below = (file) => relative(src, file).split(sep).join('/');
  return [...sourcesIn(src)].sort().map((file) => {
    const all = [...specifiersIn(readFileSync(file, 'utf8'))];
    const own = all.filter((specifier) => specifier.startsWith('.'));
    return {
      path: below(file),
      targets: own.map((specifier) => below(resolve(dirname(file), specifier)).replace(/\.js$/, '.ts')),
      specifiers: all.filter((specifier) => !specifier.startsWith('.')),
    };
  });
}

class Edges {
  #targets = new Map();

  add(from, to) {
    this.#targets.set(from, (this.#targets.get(from) ?? new Set()).add(to));
  }

  /** Without those that a longer way implies, sorted. */
  reduced() {
    const all = [...this.#targets].flatMap(([from, targets]) => [...targets].map((to) => [from, to]));
    return all
      .filter(
        ([from, to]) => ![...this.#targets.get(from)].some((via) => via !== to && this.#reaches(via, to)),
      )
      .sort(([a, b], [c, d]) => a.localeCompare(c) || b.localeCompare(d));
  }

  #reaches(from, to, passed = new Set()) {
    if (from === to) return true;
    if (passed.has(from)) return false;
    passed.add(from);
    return [...(this.#targets.get(from) ?? [])].some((via) => this.#reaches(via, to, passed));
  }
}

function mermaid(edges) {
  const nodes = [...new Set(edges.flat())].sort();
  const id = (node) => `n${nodes.indexOf(node)}`;
  return [
    'flowchart TD',
    ...nodes.map((node) => `  ${id(node)}["${node}"]`),
    ...edges.map(([from, to]) => `  ${id(from)} --> ${id(to)}`),
    '',
  ].join('\n');
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const path = join(root, PAGE);
  writeFileSync(path, withGraphs(readFileSync(path, 'utf8'), root));
}
