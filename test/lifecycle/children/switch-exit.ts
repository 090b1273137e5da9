// A process that opens a switch on the embedded datapath and ends in one of several ways; nothing may keep it alive.
import { Switch } from '../../../ts/switch/index.js';

const [netns, way] = process.argv.slice(2);
const theSwitch = Switch.open({ datapath: { type: 'netdev', netns } });
const bridge = theSwitch.addBridge('br0');
theSwitch.addPort(bridge, { name: 'p1' });
console.log('open');
if (way === 'close') await theSwitch.close();
if (way === 'exit') process.exit(0);
if (way === 'throw') throw new Error('on purpose');
