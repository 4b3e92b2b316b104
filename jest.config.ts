/** @jest-config-loader-options {"transpileOnly": true, "compilerOptions": {"target":"es2022","module":"commonjs","moduleResolution":"bundler","verbatimModuleSyntax":false,"isolatedModules":false}} */
import type { Config } from 'jest';

// ts-jest does not fail on type errors in ESM mode: `npm run check:types` is the gate for those.
const config: Config = {
  testEnvironment: 'node',
  // Longer than any wait inside a test, so that the wait says what it waited for.
  testTimeout: 20_000,
  // Most tests wait for sockets and timers rather than compute: a worker for every core, none left idle.
  maxWorkers: '100%',
  roots: ['<rootDir>/packages', '<rootDir>/tests'],
  modulePathIgnorePatterns: ['<rootDir>/packages/.*/dist/'],
  collectCoverageFrom: ['packages/*/src/**/*.ts'],
  coverageReporters: ['text', 'text-summary'],
  // The kernel is where a line that no test runs would hurt.
  coverageThreshold: { global: {}, './packages/core/src/': { lines: 95, branches: 90 } },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^@pea2pea/([^/]+)$': '<rootDir>/packages/$1/src/index.ts',
    '^@pea2pea/([^/]+)/(.+)$': '<rootDir>/packages/$1/src/$2.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: '<rootDir>/tsconfig.test.json' }],
  },
};

export default config;
