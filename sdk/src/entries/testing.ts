/**
 * A kernel in the test's own realm, vats as plain functions, a clock that the test moves, a network that it cuts,
 * and matchers. Nothing here confines vats.
 *
 * @module @vatkit/sdk/testing
 */
export { createTestKernel, type TestKernelOptions } from '../testing/create-test-kernel.js';
export { makeManualClock, type ManualClock } from '../testing/clock.js';
export {
  makeMemoryNetwork as makeTestNetwork,
  type MemoryNetwork as TestNetwork,
  type MemoryNetworkOptions as TestNetworkOptions,
} from '../comms/memory-transport.js';
export { testVat, type BuildRootObject } from '../testing/vats.js';
export { matchers, type VatkitMatchers } from '../testing/matchers.js';
