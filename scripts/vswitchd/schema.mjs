// What the file of vswitchd.mjs may say, as JSON Schema. Descriptions are what the guide says of each key.

const path = { type: 'string', minLength: 1 };
const paths = { oneOf: [path, { type: 'array', items: path }] };
const interfaceName = { type: 'string', pattern: '^[^\\s/]{1,15}$' };
const count = { type: 'integer', minimum: 1 };

const datapath = {
  type: 'object',
  description: 'which datapath; a change takes a restart',
  properties: {
    type: { enum: ['system', 'netdev'] },
    name: interfaceName,
    dispatch: { enum: ['per-vport', 'per-cpu'] },
    netns: { ...path, description: 'network namespace, by name or path' },
    receiveBuffer: { ...count, description: 'bytes of receive buffer of each handler' },
    upcallQueueLength: { ...count, description: 'netdev: upcalls that may wait' },
  },
  required: ['type'],
  additionalProperties: false,
};

const openflow = {
  type: 'object',
  description: 'by bridge: files in the syntax of ovs-ofctl, one entry a line',
  additionalProperties: {
    type: 'object',
    properties: {
      flows: paths,
      groups: paths,
      meters: paths,
      tlvMap: { type: 'string', description: 'Geneve options, as ovs-ofctl add-tlv-map takes them' },
    },
    additionalProperties: false,
  },
};

const limits = {
  type: 'object',
  properties: {
    flowLimit: { ...count, description: 'most flows to install' },
    maxIdle: { ...count, description: 'milliseconds after which unused flows go' },
    maxRevalidator: { ...count, description: 'milliseconds between two looks at the flows at most' },
    minRevalidatePps: {
      type: 'integer',
      minimum: 0,
      description: 'packets a second that make a flow worth keeping when looks are slow',
    },
  },
  additionalProperties: false,
};

export const SCHEMA = {
  type: 'object',
  properties: {
    datapath,
    keep: {
      enum: [true, false, 'ports'],
      description:
        'leave datapath, ports and flows behind at the end, or all but flows (default: all on the kernel datapath)',
    },
    state: {
      ...path,
      description: 'file that helps the next run take flows over (default: in the run directory)',
    },
    configuration: {
      type: 'object',
      description: "bridges, ports, mirrors, exporters, … with OVSDB's tables and columns",
    },
    vsctl: {
      oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
      description: 'ovs-vsctl commands, a line each, done on the configuration above',
    },
    openflow,
    policies: {
      type: 'object',
      description: 'by bridge, or by bridge and table: a module whose default export is its policy',
      additionalProperties: {
        oneOf: [
          path,
          {
            type: 'object',
            propertyNames: { pattern: '^(\\d{1,2}|1\\d\\d|2[0-4]\\d|25[0-3])$' },
            additionalProperties: path,
          },
        ],
      },
    },
    limits,
    log: {
      type: 'object',
      properties: { level: { enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] } },
      additionalProperties: false,
    },
    metrics: {
      type: 'object',
      description: 'figures for Prometheus at http://HOST:PORT/metrics',
      properties: {
        port: { type: 'integer', minimum: 1, maximum: 65535 },
        host: { ...path, description: 'address to listen on (default: 127.0.0.1)' },
      },
      required: ['port'],
      additionalProperties: false,
    },
    control: { type: 'boolean', description: 'answer the slowpath command (default: true)' },
  },
  required: ['datapath'],
  additionalProperties: false,
};
