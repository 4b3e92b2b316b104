/** @jest-config-loader-options {"transpileOnly": true, "compilerOptions": {"target":"es2022","module":"commonjs","moduleResolution":"bundler","verbatimModuleSyntax":false,"isolatedModules":false}} */
import { availableParallelism } from 'node:os';
import type { Config } from 'jest';

type Project = Exclude<NonNullable<Config['projects']>[number], string>;

/**
 * Tests, compiled with the decorators of a mode. A test that makes sense in one mode alone says so in its name:
 * `*.legacy.test.ts`, `*.standard.test.ts`.
 *
 * note: jest takes nothing of the options below over into a project, and ignores global ones here.
 * note: ts-jest does not fail on type errors in ESM mode: `npm run check:types` is the gate for those, in both modes.
 */
function project(displayName: Project['displayName'], tsconfig: string, tests: Project): Project {
  return {
    displayName,
    testEnvironment: 'node',
    modulePathIgnorePatterns: ['<rootDir>/packages/.*/dist/'],
    extensionsToTreatAsEsm: ['.ts'],
    moduleNameMapper: {
      '^@pea2pea/([^/]+)$': '<rootDir>/packages/$1/src/index.ts',
      '^@pea2pea/([^/]+)/(.+)$': '<rootDir>/packages/$1/src/$2.ts',
      '^(\\.{1,2}/.*)\\.js$': '$1',
    },
    transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: `<rootDir>/${tsconfig}` }] },
    ...tests,
  };
}

const tests = [
  project({ name: 'legacy', color: 'white' }, 'tsconfig.test.json', {
    roots: ['<rootDir>/packages', '<rootDir>/tests'],
    testMatch: ['**/*.test.ts'],
    testPathIgnorePatterns: ['\\.standard\\.test\\.ts$'],
  }),
  project({ name: 'standard', color: 'cyan' }, 'tsconfig.test.standard.json', {
    roots: ['<rootDir>/packages'],
    testMatch: ['<rootDir>/packages/decorators/test/**/*.test.ts'],
    testPathIgnorePatterns: ['\\.legacy\\.test\\.ts$'],
  }),
];

/** `npm run interop`; left out of `npm test`, as it builds programs with the compilers of others. */
const interop = project({ name: 'interop', color: 'blue' }, 'tsconfig.test.json', {
  roots: ['<rootDir>/tests/interop'],
  testMatch: ['<rootDir>/tests/interop/*.interop.ts'],
});

const config: Config = {
  projects: process.env['INTEROP'] === '1' ? [interop] : tests,
  // Longer than any wait inside a test, so that the wait says what it waited for; and so long that no verdict depends on
  // how fast the machine is, or what runs beside.
  testTimeout: 180_000,
  // Most tests wait for sockets and timers rather than compute: with a worker for each core, a third of each was idle.
  // A percentage of more than 100 is taken for a number.
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
  collectCoverageFrom: ['packages/*/src/**/*.ts'],
  coverageReporters: ['text', 'text-summary'],
  // The kernel is where a line that no test runs would hurt.
  coverageThreshold: { global: {}, './packages/core/src/': { lines: 95, branches: 90 } },
};

export default config;
