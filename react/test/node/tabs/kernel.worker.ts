import '@vatkit/sdk/worker';
