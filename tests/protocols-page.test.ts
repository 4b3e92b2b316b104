// docs/protocols.md: its reference names what a hook can call, as the report of the API has it; its table is the gallery.
import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { codeIn, tableOf } from './support/markdown.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(`${root}docs/protocols.md`, 'utf8');
const report = readFileSync(`${root}api/core.md`, 'utf8');

/** The members of an interface, methods with the names of their parameters: `read(size)`. */
function membersOf(name: string): string[] {
  const [, text = ''] = new RegExp(`^## ${name}\n\n\`\`\`ts\n([\\s\\S]*?)^\`\`\``, 'm').exec(report) ?? [];
  const source = ts.createSourceFile('report.ts', text, ts.ScriptTarget.ESNext);
  const [declaration] = source.statements;
  if (declaration === undefined || !ts.isInterfaceDeclaration(declaration))
    throw new Error(`no interface ${name}`);
  return declaration.members.map((member) => {
    const own = member.name!.getText(source);
    if (!ts.isMethodSignature(member)) return own;
    return `${own}(${member.parameters.map((parameter) => parameter.name.getText(source)).join(', ')})`;
  });
}

describe('the reference', () => {
  it.each(['Handshake', 'Connection', 'ByteQueue', 'ByteSink'])(
    'names every member of %s, in its order',
    (name) => {
      const section = page.split(/^### /m).find((text) => text.startsWith(`${name}\n`))!;
      const { rows } = tableOf(section, 'member', 'meaning');
      expect(rows.map(([member = '']) => codeIn(member))).toEqual(membersOf(name));
      expect(rows.filter(([, meaning = '']) => meaning === '')).toEqual([]);
    },
  );
});

/** What the server of NestJS is made of, which the attack command is set against. */
const SERVERS = ['@nestjs/common', '@nestjs/core', '@nestjs/microservices', 'reflect-metadata', 'rxjs'];

describe('the gallery', () => {
  it('shows every protocol, with the packages that it is tested with', () => {
    const names = readdirSync(`${root}examples/protocols`).map((entry) => entry.replace(/\.ts$/, ''));
    const { rows } = tableOf(page, 'example', 'is tested with', 'read it for');
    const shown = rows.map(
      ([link = '', clients = '']) => [/^\[`([\w]+)`\]/.exec(link)?.[1], clients] as const,
    );
    expect(shown.map(([name]) => name)).toEqual(names.sort());
    const { dependencies } = JSON.parse(readFileSync(`${root}tests/gallery/package.json`, 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const clients = shown.flatMap(([, text]) => text.split(', '));
    const others = Object.keys(dependencies).filter((name) => !clients.includes(name));
    expect(others.filter((name) => !SERVERS.includes(name))).toEqual([]);
  });
});
