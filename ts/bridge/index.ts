export { Bridge, BridgeBundle, BridgePort, type BridgeWatcher, type PortNumbers } from './bridge.js';
export { BridgeModel, type FindNumbers } from './model.js';
export { datapathPortName, numberPorts } from './numbering.js';
export { modPort, modTable, setFragments } from './settings.js';
export { netflowVersion } from './sampling.js';
export { isTunnelType, tunnelOf } from './tunnel.js';
