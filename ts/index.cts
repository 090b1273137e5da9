/** The public API for CommonJS: the same module, so that both kinds of importers share classes and state. Needs a Node that can require() ES modules. */
import api = require('./index.js');
export = api;
