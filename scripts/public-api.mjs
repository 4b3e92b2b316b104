// What the packages promise, read from the declarations that they publish: every export of every entry point, and which
// of it nobody has described.
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import { manifestOf, publicPackagesOf } from './public-packages.mjs';

const OPTIONS = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  strict: true,
  skipLibCheck: true,
};

/** The entry points of the packages below `root`, from the `exports` of their package.json. */
export function entryPointsOf(root) {
  return publicPackagesOf(root).flatMap((name) => {
    const folder = join(root, 'packages', name);
    const manifest = manifestOf(folder);
    return Object.entries(manifest.exports)
      .filter(([, target]) => target.types !== undefined)
      .map(([path, target]) => ({
        name: `${manifest.name}${path.slice(1)}`,
        report: `${name}${path.slice(1).replaceAll('/', '-')}.md`,
        folder,
        file: join(folder, target.types),
      }));
  });
}

/** For each entry point its report, and the exports and public members without a description. */
export function publicApi(entryPoints) {
  const program = ts.createProgram(
    entryPoints.map(({ file }) => file),
    OPTIONS,
  );
  const checker = program.getTypeChecker();
  return entryPoints.map((entryPoint) => {
    const source = program.getSourceFile(entryPoint.file);
    if (source === undefined) throw new Error(`${entryPoint.file} is missing: npm run build`);
    const symbols = checker
      .getExportsOfModule(checker.getSymbolAtLocation(source))
      .map((symbol) => ({ name: symbol.name, symbol: resolved(symbol, checker) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      ...entryPoint,
      text: reportOf(entryPoint, symbols),
      undocumented: symbols
        .filter(({ symbol }) => isOf(entryPoint, symbol))
        .flatMap((entry) => undocumentedIn(entry, checker)),
    };
  });
}

const resolved = (symbol, checker) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

const isIn = (folder, node) => !relative(folder, node.getSourceFile().fileName).startsWith('..');

const isOf = ({ folder }, symbol) => symbol.declarations.some((node) => isIn(folder, node));

function reportOf(entryPoint, symbols) {
  const head = `# ${entryPoint.name}\n\nMade by \`npm run api\`; a test compares it with the code.\n`;
  const own = symbols.filter(({ symbol }) => isOf(entryPoint, symbol));
  const passedOn = symbols.filter(({ symbol }) => !isOf(entryPoint, symbol));
  const sections = own.map(
    ({ name, symbol }) =>
      `\n## ${name}\n\n\`\`\`ts\n${declarationsOf(symbol, entryPoint.folder).join('\n')}\n\`\`\`\n`,
  );
  if (passedOn.length > 0) {
    const list = passedOn.map(({ name, symbol }) => `- \`${name}\` of ${homeOf(symbol)}\n`);
    sections.push(`\n## Passed on\n\n${list.join('')}`);
  }
  return head + sections.join('');
}

function homeOf(symbol) {
  const path = symbol.declarations[0].getSourceFile().fileName.split(sep).join('/');
  const [, home = path] = /(?:packages|node_modules)\/((?:@[^/]+\/)?[^/]+)\/[^]*$/.exec(path) ?? [];
  return home.startsWith('@') || !path.includes('/packages/') ? `\`${home}\`` : `\`@pea2pea/${home}\``;
}

const printer = ts.createPrinter({ removeComments: true });

/** Those of the package itself: what others merge into it depends on which of them are there. */
function declarationsOf(symbol, folder) {
  const own = symbol.declarations.filter((declaration) => isIn(folder, declaration));
  return own.map((declaration) => {
    const { transformed } = ts.transform(declaration, [withoutPrivateMembers]);
    const text = printer.printNode(ts.EmitHint.Unspecified, transformed[0], declaration.getSourceFile());
    const keyword = ts.isVariableDeclaration(declaration) ? 'const ' : '';
    return `${keyword}${text.replace(/^export (default )?(declare )?/, '')}`;
  });
}

const withoutPrivateMembers = (context) => (node) =>
  ts.isClassDeclaration(node)
    ? context.factory.updateClassDeclaration(
        node,
        node.modifiers,
        node.name,
        node.typeParameters,
        node.heritageClauses,
        node.members.filter(isPublic),
      )
    : node;

const isPublic = (member) =>
  !(ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) &&
  !(member.name !== undefined && ts.isPrivateIdentifier(member.name));

/** The export itself and what it has: properties, methods and accessors, static ones included. */
function undocumentedIn({ name, symbol }, checker) {
  const statics = symbol.flags & ts.SymbolFlags.Class ? [...symbol.exports.values()] : [];
  const members = [...(symbol.members?.values() ?? []), ...statics].filter(
    (member) =>
      member.flags & (ts.SymbolFlags.Property | ts.SymbolFlags.Method | ts.SymbolFlags.Accessor) &&
      member.declarations?.every(isPublic),
  );
  const isSilent = (item) => item.getDocumentationComment(checker).length === 0;
  return [
    ...(isSilent(symbol) ? [name] : []),
    ...members.filter(isSilent).map((member) => `${name}.${member.name}`),
  ];
}
