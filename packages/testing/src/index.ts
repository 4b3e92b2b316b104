/// <reference types="node" preserve="true" />
/**
 * Tools for tests of peers and of any TCP protocol: a lab of peers that are closed and compared after each test, a simulated
 * network that repeats, exploration of many seeds, peers with something wrong, and conformance kits.
 *
 * @packageDocumentation
 */
export { memoryTransport } from '@pea2pea/core';
export { ControlledClock, seededRandom } from '@pea2pea/core/testing';
export { assertConsistent } from './consistency.js';
export {
  alter,
  ALTERATIONS,
  alterTransport,
  FRAME_ALTERATIONS,
  WIRE_ALTERATIONS,
  YAMUX_ALTERATIONS,
} from './altered/alter.js';
export type { Alteration } from './altered/alter.js';
export type { LinkAlteration } from './altered/alter.js';
export { CONTENT_LENGTH, decimalPrefixed, lengthPrefixed, LINES, RAW } from './altered/framing.js';
export { SUB_PROTOCOLS, TLS_RECORDS } from './altered/framing.js';
export type { FoundFrame, Framing } from './altered/framing.js';
export { framingOf } from './altered/framings.js';
export { WEBSOCKET } from './altered/websocket-framing.js';
export { attack } from './attack/attack.js';
export { alterationsFor } from './attack/names.js';
export type { WireAlteration } from './attack/names.js';
export type { AttackOptions } from './attack/options.js';
export type {
  AttackOutcome,
  AttackReport,
  HonestClient,
  HonestService,
  ProcessPart,
  ServersPart,
  Verdict,
} from './attack/outcome.js';
export type { ProcessFigures } from './attack/process-figures.js';
export { TESTING_ERRORS } from './errors.js';
export type { TestingErrorCode } from './errors.js';
export type { Attempt } from './exploration/attempt.js';
export { COVERABLE } from './exploration/coverage.js';
export type { Counts } from './exploration/coverage.js';
export { explore, replay } from './exploration/explore.js';
export type { Exploration, ExploreOptions } from './exploration/explore.js';
export { ExplorationError } from './exploration/exploration-error.js';
export { drawFaults, FAULT_KINDS } from './exploration/faults.js';
export type { Fault, FaultKind, FaultOptions } from './exploration/faults.js';
export { playFaults } from './exploration/play-faults.js';
export { defineScenario } from './exploration/scenario.js';
export type { Scenario } from './exploration/scenario.js';
export { freePort } from './free-port.js';
export { hostileValues } from './hostile-values.js';
export type { HostileValue } from './hostile-values.js';
export { checkHandshake, describeHandshake } from './kits/check-handshake.js';
export { HANDSHAKE_FACTS } from './kits/handshake-facts.js';
export type { HandshakeFact } from './kits/handshake-facts.js';
export type { HandshakePair, Usable } from './kits/handshake-subject.js';
export { checkCodec } from './kits/codec/check-codec.js';
export type { CheckOptions, CodecLimit } from './kits/codec/check-options.js';
export { CODEC_FACTS } from './kits/codec/codec-facts.js';
export type { CodecFact, CodecFinding } from './kits/codec/codec-facts.js';
export { codecContext } from './kits/codec/contexts.js';
export type { CodecContexts } from './kits/codec/contexts.js';
export { describeCodec } from './kits/codec/describe-codec.js';
export { checkPlugin, describePlugin } from './kits/check-plugin.js';
export { checkTransport, describeTransport } from './kits/check-transport.js';
export type { DescribeOptions, KitFinding, KitRunner } from './kits/finding.js';
export { PLUGIN_FACTS } from './kits/plugin-facts.js';
export type { PluginFact } from './kits/plugin-facts.js';
export { TRANSPORT_FACTS } from './kits/transport-facts.js';
export type { TransportFact } from './kits/transport-facts.js';
export type { TransportNetwork } from './kits/transport-subject.js';
export { ANYWHERE, inMemory, join, lab, listen } from './lab/lab.js';
export type { Lab, LabRunner, Owned, TestNode } from './lab/lab.js';
export { pair } from './lab/pair.js';
export type { ConnectionOfSide, MakeSide, Pair, PairOptions, Side, SideConfig } from './lab/pair.js';
export { recordingLogger, silentLogger, warningsIn } from './logs.js';
export type { LogLine } from './logs.js';
export { peerErrorOf } from './peer-error-of.js';
export { rawConnect, rawPair, silentListener, socketClosed } from './raw-socket.js';
export { SimDisk } from './simulation/disk.js';
export { fakeGlobals } from './simulation/fake-globals.js';
export { SimHost } from './simulation/host.js';
export type { Boot, Crash, HostConfig } from './simulation/host.js';
export { HostClock } from './simulation/host-clock.js';
export { Nat } from './simulation/nat.js';
export type { NatOptions } from './simulation/nat.js';
export type { NetworkOptions } from './simulation/network-options.js';
export type { Bandwidth, Duration } from './simulation/quantities.js';
export { SimulationError } from './simulation/simulation-error.js';
export type { SimulationFault } from './simulation/simulation-error.js';
export { Trace } from './simulation/trace.js';
export { simulate, World } from './simulation/world.js';
export type { Cut, HostOptions, SimulationOptions } from './simulation/world.js';
export { textCodec } from './text-codec.js';
export { never, soon, turn, until } from './until.js';
