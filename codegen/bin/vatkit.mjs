#!/usr/bin/env node
// npm links a workspace's bin at install time, before dist exists: so the link's target is checked in.
import '../dist/cli.js';
