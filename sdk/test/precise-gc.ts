/**
 * For tests of the collector. The optimizing compiler holds on to objects that the code it compiles has met, so that
 * one forced collection may leave them; the next finds them. The flag holds for the whole process and its workers.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--no-opt');
