export { Bridge, BridgeBundle, BridgePort, type PortNumbers } from './bridge.js';
export { BridgeModel, type FindNumbers } from './model.js';
export { numberPorts } from './numbering.js';
