/** `slowpath/netlink` for CommonJS. */
import api = require('./netlink.js');
export = api;
