// What people read in our files, found by masking the rest: what is left stands where it stood, line ends included.
import ts from 'typescript';

/** What stands in place of a character that is not prose. */
const MASK = '\0';
/** What stands in place of the slash and stars that begin a doc comment. */
export const DOC = '\u0001';

/** The comments of `source`, and the strings that hold a space: the others are names. */
export function proseOfCode(source) {
  const spans = [];
  let code = source;
  const visit = (node) => {
    if (isLiteral(node)) {
      const [start, end] = [node.getStart() + 1, node.getEnd() - 1];
      if (/\s/.test(source.slice(start, end))) spans.push([start, end]);
      code = code.slice(0, start) + masked(code.slice(start, end)) + code.slice(end);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true));
  for (const { 0: comment, index } of code.matchAll(/\/\*[\s\S]*?\*\/|\/\/.*/g)) {
    spans.push([index, index + comment.length]);
  }
  return withoutCode(only(withoutMarks(source), spans));
}

/** The prose of a Markdown page: no fenced blocks, no code between backticks, no targets of links. */
export function proseOfPage(source) {
  const prose = source.replace(/^```[\s\S]*?^```/gm, masked).replace(/\]\([^)]*\)/g, masked);
  return withoutCode(prose);
}

function isLiteral(node) {
  if (ts.isStringLiteralLike(node)) {
    return !ts.isImportDeclaration(node.parent) && !ts.isExportDeclaration(node.parent);
  }
  return (
    ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node) || ts.isRegularExpressionLiteral(node)
  );
}

/** What begins each line of a comment becomes spaces, so that a sentence over two lines stays one. */
function withoutMarks(source) {
  const spaces = (marks) => ' '.repeat(marks.length);
  return source
    .replaceAll('/**', `${DOC}  `)
    .replace(/^[ \t]*(?:\*\/?|\/\/)/gm, spaces)
    .replace(/\/\/|\/\*|\*\//g, spaces);
}

function only(source, spans) {
  let kept = masked(source);
  for (const [start, end] of spans) kept = kept.slice(0, start) + source.slice(start, end) + kept.slice(end);
  return kept;
}

/** Inline code may run over the end of a line, though not over an empty one. */
function withoutCode(prose) {
  return prose.replace(/`(?:[^`\n\0]|\n(?!\s*\n))+`/g, masked);
}

function masked(text) {
  return text.replace(/[^\n]/g, MASK);
}
