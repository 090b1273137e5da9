// Imports point one way only: a folder of ts/ may import those that come before it, and a folder only through its index.
const order = [
  ['fields', 'errors', 'util'],
  ['capture', 'native', 'packet'],
  ['netlink', 'flow'],
  ['genl', 'openflow', 'config'],
  ['ovs', 'classifier', 'ukey'],
  ['datapath', 'xlate'],
  ['policy'],
  ['bridge'],
  ['upcall', 'revalidate', 'trace', 'exporters'],
  ['switch'],
  ['control'],
  ['metrics'],
  ['testing'],
  ['api', 'cli'],
];
const rules = order.flatMap((layer, i) => {
  const above = order.slice(i + 1).flat();
  return above.length === 0
    ? []
    : [
        {
          name: `layer-${layer.join('-')}`,
          severity: 'error',
          comment: `${layer.join(', ')} may not import what stands above`,
          from: { path: `^ts/(${layer.join('|')})/` },
          to: { path: `^ts/(${above.join('|')})/` },
        },
      ];
});
module.exports = {
  forbidden: [
    ...rules,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'upcall-and-revalidate-are-strangers',
      severity: 'error',
      comment: 'they share ukey',
      from: { path: '^ts/(upcall|revalidate)/' },
      to: { path: '^ts/(upcall|revalidate)/', pathNot: '^ts/$1/' },
    },
    {
      name: 'through-the-index',
      severity: 'error',
      comment: 'a folder is imported through its index.ts',
      from: { path: '^ts/([^/]+)/' },
      to: { path: '^ts/[^/]+/', pathNot: ['^ts/$1/', '^ts/[^/]+/index\\.ts$'] },
    },
    { name: 'only-native-loads-the-addon', severity: 'error', from: { pathNot: '^ts/native/' }, to: { path: '\\.node$' } },
  ],
  options: { tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' }, doNotFollow: { path: 'node_modules' } },
};
