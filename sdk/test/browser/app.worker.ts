/** A kernel's worker as most apps write it. */
import '@vatkit/sdk/worker';
