export { Bridge } from './bridge.js';
export { BridgeBundle } from './bundle.js';
export { BridgeModel, type FindNumbers } from './model.js';
export { BridgePort, type PortNumbers } from './port.js';
