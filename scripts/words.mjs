// The words of the house: what is not written in errors, comments and docs, and what stands there instead.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { DOC, proseOfCode, proseOfPage } from './prose.mjs';

/**
 * Each word that must not be used, what to write instead, and the phrases in which it is right, because it says
 * something else there. A phrase is right wherever it stands: no file is excused.
 */
const WORDS = [
  {
    word: /\banswer(s|ed|ing)?\b/,
    instead: 'a function returns, a promise resolves with, a peer replies',
    right: [
      /\b(the|an|no|its|their|each) answers? (to|within|from|of (a|the) (peer|listener))\b/,
      /\bpeers? (that )?(does not |do not |has not |must |to )?answer(s|ed|ing)?\b/,
      /\banswered with an error\b/,
      /\banswered (a|the) (request|call|ping)\b/,
    ],
  },
  {
    word: /\b(a text|texts)\b/,
    instead: 'string, message',
    right: [/\ba text (frame|line|message|protocol)\b/],
  },
  {
    word: /(?<!\bthere )\b(is|are|was|were|be) no (?!longer\b|more\b|less\b|need\b)\w+/,
    instead: 'is not a, is not an',
    right: [],
  },
  { word: /(?<!\bthere )\b(is|are|was|were) none\b/, instead: 'is not one, is not a', right: [] },
  {
    word: /\bbehind\b/,
    instead: 'after',
    right: [
      /\b(leave|leaves|left|leaving)( \w+){0,2} behind\b/,
      /\bbehind (a|an|one|the|its|their|no) (\w+ )?(proxy|proxies|NAT|firewall|router|load balancer|host|address)\b/,
    ],
  },
  {
    word: /\b(give|gives|given|giving|gave)( (it|them|those|that|one))? back\b/,
    instead: 'release, return',
    right: [],
  },
  { word: /\b(he|him|his|himself|she|her|hers|herself)\b/, instead: 'they, their, the peer', right: [] },
  { word: /\bwhom\b/, instead: 'the peer that, callers that', right: [] },
  { word: /\bwho says\b/, instead: 'who they claim to be', right: [] },
  {
    word: new RegExp(`${DOC} (Of|That of|Those of|For whom|Answers)\\b`),
    instead: 'a doc comment begins with a noun or a verb',
    right: [],
  },
];

/** Every such word in the sources of the packages and in the pages below `root`, one line each. */
export function findWords(root) {
  const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
  const code = packages.flatMap((folder) => filesIn(join(folder, 'src'), '.ts'));
  const pages = [root, ...packages].flatMap((folder) => filesAt(folder, '.md'));
  return [...code, ...pages, ...filesIn(join(root, 'docs'), '.md')].flatMap((path) => {
    const name = relative(root, path).split(sep).join('/');
    const text = readFileSync(path, 'utf8');
    return wordsIn(path.endsWith('.md') ? proseOfPage(text) : proseOfCode(text)).map(
      (found) => `${name}:${found}`,
    );
  });
}

function wordsIn(prose) {
  return WORDS.flatMap(({ word, instead, right }) => {
    const excused = right.flatMap((phrase) => occurrences(prose, phrase));
    return occurrences(prose, word)
      .filter(({ start, end }) => !excused.some((phrase) => phrase.start <= start && end <= phrase.end))
      .map(({ start, text }) => {
        const line = prose.slice(0, start).split('\n').length;
        return `${line}: "${text.replace(DOC, '').trim().replace(/\s+/g, ' ')}", write: ${instead}`;
      });
  });
}

/** Where `pattern` stands in `prose`; a space in it is any white space, the end of a line included. */
function occurrences(prose, pattern) {
  const everywhere = new RegExp(pattern.source.replaceAll(' ', '\\s+'), 'gi');
  return [...prose.matchAll(everywhere)].map(({ 0: text, index }) => ({
    text,
    start: index,
    end: index + text.length,
  }));
}

function filesIn(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).flatMap((name) =>
    name.endsWith(ending) ? [join(folder, name)] : [],
  );
}

function filesAt(folder, ending) {
  return readdirSync(folder).flatMap((name) => (name.endsWith(ending) ? [join(folder, name)] : []));
}
