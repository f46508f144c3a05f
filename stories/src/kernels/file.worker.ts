/** A real kernel of the page, whose store is a file of this origin. */
import '@vatkit/sdk/worker';
