// Values that both flows and packets are made of. Few of each, so that packets meet flows.

export const TABLES = [0, 1, 2, 3, 4];
/** Tables that learn actions fill. */
export const LEARNED = [5, 6];
export const VLANS = [10, 20, 30, 100];
export const L4_PORTS = [53, 80, 1025, 1027, 5000, 5001, 5002, 8080, 65535];

const tuples = (values, make) => (random) => make(values.map((value) => random.pick(value)));

export const mac = (random) => `50:54:00:00:00:0${random.between(1, 7)}`;
export const anyMac = (random) =>
  random.weighted([
    [10, mac(random)],
    [1, 'ff:ff:ff:ff:ff:ff'],
    [1, '01:00:5e:01:01:01'],
    [1, '01:80:c2:00:00:0e'],
  ]);
const privateIpv4 = tuples(
  [
    ['10.0', '192.168'],
    [0, 1, 2],
    [1, 2, 3],
  ],
  (parts) => parts.join('.'),
);
export const ipv4 = (random) => privateIpv4(random);
export const ipv4Destination = (random) =>
  random.weighted([
    [8, ipv4(random)],
    [1, '239.1.1.1'],
    [1, '224.0.0.22'],
    [1, '255.255.255.255'],
  ]);
export const ipv6 = (random) =>
  random.weighted([
    [6, `fd00::${random.between(1, 5)}`],
    [1, `fe80::5054:ff:fe00:${random.between(1, 3)}`],
    [1, `ff02::${random.pick(['1', 'fb', '1:ff00:1'])}`],
  ]);
export const ipv4Mask = (random) => random.pick(['', '', '/8', '/16', '/24', '/30', '/255.0.255.0']);
export const ipv6Mask = (random) => random.pick(['', '', '/48', '/64', '/120']);
export const tos = (random) => random.pick([0, 0, 184, 32]);
export const ecn = (random) => random.pick([0, 0, 1, 3]);
export const ttl = (random) => random.pick([64, 64, 63, 1, 0, 255]);
export const l4Port = (random) => random.pick(L4_PORTS);
export const l4Match = (random) => {
  const port = l4Port(random);
  const mask = random.pick([0, 0, 0, 0xfffc, 0xfff0, 0xff00, 1]);
  return mask === 0 ? String(port) : `0x${(port & mask).toString(16)}/0x${mask.toString(16)}`;
};
export const vlan = (random) => random.pick(VLANS);
export const pcp = (random) => random.pick([0, 1, 3, 5, 7]);
export const small = (random) => random.pick(['0x0', '0x1', '0x2', '0x5', '0x10', '0x100']);
export const smallMask = (random) => random.pick(['', '', '/0x1', '/0xff', '/0xf', '/0x80000000']);
export const tunnelId = (random) => random.pick(['0x0', '0x1', '0x5', '0x99', '0x1234']);
export const ctState = (random) =>
  random.pick([
    '-trk',
    '+trk',
    '+trk+new',
    '+trk+est',
    '-rpl',
    '+trk+inv',
    '+trk-new',
    '+rel',
    '+est-rpl',
    '+snat',
    '+trk-inv',
    '+trk+rpl',
    '-new+trk',
    '+est-rel+trk',
  ]);
/** Port numbers of a bridge: those of the switches made here. */
export const port = (random) => random.between(1, 6);
