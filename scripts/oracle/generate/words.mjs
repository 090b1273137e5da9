// ovs-vsctl words that configurations are made of.

const PROTOCOLS = 'protocols=[OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15]';

export function bridge(name, last, failMode = 'secure') {
  const settings = `datapath-type=dummy fail-mode=${failMode} other-config:datapath-id=fedcba987654321${last}`;
  return `add-br ${name} -- set bridge ${name} ${settings} other-config:hwaddr=aa:55:aa:55:00:0${last} ${PROTOCOLS}`;
}
export const dummy = (name, number, br = 'br0') =>
  ` -- add-port ${br} ${name} -- set Interface ${name} type=dummy ofport_request=${number}`;
export const dummies = (...numbers) => numbers.map((n) => dummy(`p${n}`, n)).join('');
export const six = (rest = '') => bridge('br0', 0) + dummies(1, 2, 3, 4, 5, 6) + rest;
export const patch = (name, peer, number, br) =>
  ` -- add-port ${br} ${name} -- set Interface ${name} type=patch options:peer=${peer} ofport_request=${number}`;
export const tunnel = (name, number, type, options) =>
  ` -- add-port br0 ${name} -- set Interface ${name} type=${type} ${options} ofport_request=${number}`;

const IPFIX =
  ' -- --id=@i create IPFIX targets="127.0.0.1:14739" sampling=400 obs_domain_id=123 obs_point_id=456 -- set Bridge br0 ipfix=@i -- --id=@br0 get Bridge br0 -- --id=@i2 create IPFIX targets="127.0.0.1:14740" -- --id=@cs create Flow_Sample_Collector_Set id=1 bridge=@br0 ipfix=@i2';
const SFLOW =
  ' -- --id=@s create sFlow agent=lo targets="127.0.0.1:16343" header=128 sampling=64 polling=30 -- set Bridge br0 sflow=@s';
const NETFLOW =
  ' -- --id=@n create NetFlow targets="127.0.0.1:15566" engine_id=1 active_timeout=5 -- set Bridge br0 netflow=@n';
export const EXPORTERS = { ipfix: IPFIX, sflow: SFLOW, netflow: NETFLOW };
