/** `slowpath/testing` for CommonJS. */
import api = require('./index.js');
export = api;
