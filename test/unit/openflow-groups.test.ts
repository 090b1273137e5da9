import { expect } from 'chai';
import { SyntaxProblem } from '../../ts/errors/index.js';
import {
  formatGroup,
  formatMeter,
  GroupTable,
  MeterTable,
  parseGroup,
  parseGroupMod,
  parseMeter,
  parseTlvMap,
  TableError,
  TlvMap,
} from '../../ts/openflow/index.js';

/** Code of the error that `run` throws. */
function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(TableError);
    return (error as TableError).code;
  }
  return 'none';
}

describe('parseGroup', () => {
  it('knows the fields of tunnel options that the switch knows', () => {
    const tlvMap = new TlvMap();
    tlvMap.add(parseTlvMap('{class=0xffff,type=0,len=4}->tun_metadata0'));
    const text = 'group_id=1,type=all,bucket=bucket_id:0,actions=set_field:0x9->tun_metadata0,output:2';
    expect(formatGroup(parseGroup(text, { tlvMap }))).to.equal(text);
    expect(() => parseGroup(text)).to.throw(SyntaxProblem, /tun_metadata0/);
  });

  // What `ovs-ofctl add-group` was given, and what dump-groups of ovs-vswitchd 3.1 printed then.
  const groups: readonly (readonly [given: string, dumped: string])[] = [
    [
      'group_id=9,type=all,bucket=actions=output:3,bucket=actions=output:4',
      'group_id=9,type=all,bucket=bucket_id:0,actions=output:3,bucket=bucket_id:1,actions=output:4',
    ],
    [
      'group_id=3,type=select,selection_method=hash,fields(tcp_src,tcp_dst,ip_src,ip_dst),bucket=actions=output:2',
      'group_id=3,type=select,selection_method=hash,fields(ip_src,ip_dst,tcp_src,tcp_dst),bucket=bucket_id:0,actions=output:2',
    ],
    [
      'group_id=3,type=select,selection_method=hash,fields(ip_src=255.255.255.0),bucket=output:2',
      'group_id=3,type=select,selection_method=hash,fields=ip_src=255.255.255.0,bucket=bucket_id:0,actions=output:2',
    ],
    [
      'group_id=3,type=select,selection_method=dp_hash,selection_method_param=0x1234567890,bucket=weight:0,output:1',
      'group_id=3,type=select,selection_method=dp_hash,selection_method_param=78187493520,bucket=bucket_id:0,weight:0,actions=output:1',
    ],
    [
      'group_id=3 type=select bucket=weight:5,watch_port:1,watch_group:2,bucket_id:7,output:1,output:2',
      'group_id=3,type=select,bucket=bucket_id:7,weight:5,watch_port:1,watch_group:2,actions=output:1,output:2',
    ],
    [
      'group_id=3,type=ff,bucket=watch_port:p1,output:1',
      'group_id=3,type=ff,bucket=bucket_id:0,watch_port:1,actions=output:1',
    ],
    [
      'group_id=3,type=all,bucket=bucket_id:5,output:1,bucket=output:2,bucket=bucket_id:0,output:3,bucket=drop',
      'group_id=3,type=all,bucket=bucket_id:5,actions=output:1,bucket=bucket_id:1,actions=output:2,bucket=bucket_id:0,actions=output:3,bucket=bucket_id:2,actions=drop',
    ],
    [
      'group_id=3,type=all,bucket=clone(output:1),note:01,mod_vlan_vid:5,mod_nw_src:1.2.3.4,pop_vlan',
      'group_id=3,type=all,bucket=bucket_id:0,actions=clone(output:1),note:01.00.00.00.00.00,push_vlan:0x8100,set_field:4101->vlan_vid,set_field:1.2.3.4->ip_src,pop_vlan',
    ],
  ];
  for (const [given, dumped] of groups) {
    it(`reads ${given}`, () => {
      const group = parseGroup(given, { portNames: new Map([['p1', 1]]) });
      expect(formatGroup(group)).to.equal(dumped);
      expect(formatGroup(parseGroup(dumped))).to.equal(dumped);
    });
  }

  const errors: readonly (readonly [text: string, message: RegExp])[] = [
    ['type=all,bucket=output:1', /needs a number: expected group_id=1/],
    ['group_id=1,bucket=output:1', /needs a type/],
    ['group_id=4294967041,type=all', /out of range/],
    ['group_id=1,type=ff,bucket=output:1', /watch_port or watch_group/],
    ['group_id=1,type=ff,bucket=watch_port=LOCAL,output:1', /no link to watch/],
    ['group_id=1,type=indirect,bucket=output:1,bucket=output:2', /exactly one bucket/],
    ['group_id=1,type=all,bucket=weight:3,output:1', /only groups of type=select/],
    ['group_id=1,type=all,bucket=watch_port:3,output:1', /only for groups of type=select and type=ff/],
    ['group_id=1,type=all,bucket=', /needs actions/],
    ['group_id=1,type=all,bucket=bucket_id:5,output:1,bucket=bucket_id:5,drop', /same bucket_id/],
    ['group_id=1,type=select,fields(ip_src),bucket=output:1', /selection_method=hash/],
    ['group_id=1,type=select,selection_method=hash,fields(nw_proto,ip_proto),bucket=drop', /stands twice/],
    ['group_id=1,type=all,selection_method=hash,bucket=output:1', /type=select/],
    ['group_id=1,type=all,command_bucket_id=3,bucket=output:1', /insert-buckets/],
    ['group_id=1,type=all,bucket=write_actions(output:1)', /cannot stand inside bucket/],
    ['group_id=1,type=all,foo=1', /no known keyword/],
  ];
  for (const [text, message] of errors) {
    it(`refuses ${text}`, () => {
      expect(() => parseGroup(text)).to.throw(SyntaxProblem, message);
    });
  }

  it('says where in a bucket an error is', () => {
    try {
      parseGroup('group_id=1,type=all,bucket=output:1,frobnicate', { line: 4 });
      expect.fail('no error');
    } catch (error) {
      expect(error).to.include({ line: 4, column: 37 });
    }
  });
});

describe('GroupTable', () => {
  const make = () => {
    const table = new GroupTable();
    table.apply(parseGroupMod('group_id=3,type=select,bucket=output:1,bucket=output:2', 'add'));
    return table;
  };
  const shown = (table: GroupTable) => formatGroup(table.get(3)!).replace(/^.*?select,?/, '');

  it('inserts and removes buckets where asked', () => {
    const table = make();
    table.apply(
      parseGroupMod('group_id=3,command_bucket_id=last,bucket=bucket_id:9,output:4', 'insert_buckets'),
    );
    table.apply(
      parseGroupMod('group_id=3,command_bucket_id=0,bucket=bucket_id:10,weight:5,output:5', 'insert_buckets'),
    );
    expect(shown(table)).to.equal(
      'bucket=bucket_id:0,actions=output:1,bucket=bucket_id:10,weight:5,actions=output:5,' +
        'bucket=bucket_id:1,actions=output:2,bucket=bucket_id:9,weight:0,actions=output:4',
    );
    table.apply(parseGroupMod('group_id=3,command_bucket_id=first', 'remove_buckets'));
    table.apply(parseGroupMod('group_id=3,command_bucket_id=9', 'remove_buckets'));
    expect(table.get(3)!.buckets.map((bucket) => bucket.bucketId)).to.deep.equal([10, 1]);
    table.apply(parseGroupMod('group_id=3', 'remove_buckets'));
    expect(shown(table)).to.equal('');
  });

  it('refuses what ovs-vswitchd refuses, with its errors', () => {
    const table = make();
    const attempt = (text: string, command: Parameters<typeof parseGroupMod>[1]) =>
      codeOf(() => table.apply(parseGroupMod(text, command)));
    expect(attempt('group_id=3,type=all', 'add')).to.equal('OFPGMFC_GROUP_EXISTS');
    expect(attempt('group_id=7,type=all', 'modify')).to.equal('OFPGMFC_UNKNOWN_GROUP');
    expect(attempt('group_id=3,command_bucket_id=first,bucket=output:3', 'insert_buckets')).to.equal(
      'OFPGMFC_BUCKET_EXISTS',
    );
    expect(attempt('group_id=3,command_bucket_id=77,bucket=bucket_id:12,drop', 'insert_buckets')).to.equal(
      'OFPGMFC_UNKNOWN_BUCKET',
    );
    expect(attempt('group_id=3,command_bucket_id=99', 'remove_buckets')).to.equal('OFPGMFC_UNKNOWN_BUCKET');
    expect(attempt('group_id=6,type=all', 'add_or_modify')).to.equal('none');
    expect(attempt('group_id=55', 'delete')).to.equal('none');
    expect(table.size).to.equal(2);
    expect(table.apply(parseGroupMod('', 'delete'))).to.deep.equal([3, 6]);
  });
});

describe('parseMeter and MeterTable', () => {
  it('reads and prints meters', () => {
    expect(formatMeter(parseMeter('meter=1,kbps,burst,bands=type=drop,rate=1000,burst_size=100'))).to.equal(
      'meter=1 kbps burst bands=\ntype=drop rate=1000 burst_size=100',
    );
    expect(formatMeter(parseMeter('meter=controller pktps stats band=type=drop rate=10'))).to.equal(
      'meter=controller pktps stats bands=\ntype=drop rate=10',
    );
  });

  const errors: readonly (readonly [text: string, message: RegExp])[] = [
    ['meter=3,kbps', /needs bands/],
    ['meter=3,bands=type=drop,rate=1', /one unit/],
    ['meter=3,kbps,pktps,bands=type=drop,rate=1', /one unit/],
    ['meter=0,kbps,bands=type=drop,rate=1', /out of range/],
    ['meter=3,kbps,bands=type=drop', /needs a rate/],
    ['meter=3,kbps,bands=rate=1', /starts with its type/],
    ['meter=3,kbps,bands=type=drop,rate=1,prec_level=2', /dscp_remark/],
    ['meter=3,kbps,bands=type=drop,rate=1,burst_size=4', /flag burst/],
    ['kbps,bands=type=drop,rate=1', /needs a number/],
  ];
  for (const [text, message] of errors) {
    it(`refuses ${text}`, () => {
      expect(() => parseMeter(text)).to.throw(SyntaxProblem, message);
    });
  }

  it('refuses what ovs-vswitchd refuses, with its errors', () => {
    const table = new MeterTable({ maxMeters: 100, maxBands: 1 });
    const meter = (id: number, bands = 'type=drop,rate=1') => parseMeter(`meter=${id},kbps,bands=${bands}`);
    table.apply({ command: 'add', meter: meter(5) });
    expect(codeOf(() => table.apply({ command: 'add', meter: meter(5) }))).to.equal('OFPMMFC_METER_EXISTS');
    expect(codeOf(() => table.apply({ command: 'modify', meter: meter(6) }))).to.equal(
      'OFPMMFC_UNKNOWN_METER',
    );
    expect(codeOf(() => table.apply({ command: 'add', meter: meter(101) }))).to.equal(
      'OFPMMFC_INVALID_METER',
    );
    const two = meter(7, 'type=drop,rate=1,type=drop,rate=2');
    expect(codeOf(() => table.apply({ command: 'add', meter: two }))).to.equal('OFPMMFC_OUT_OF_BANDS');
    const remark = meter(7, 'type=dscp_remark,rate=1,prec_level=1');
    expect(codeOf(() => table.apply({ command: 'add', meter: remark }))).to.equal('OFPMMFC_BAD_BAND');
    expect(table.apply({ command: 'delete', meterId: 9 })).to.deep.equal([]);
    expect(table.apply({ command: 'delete', meterId: 5 })).to.deep.equal([5]);
    expect(table.size).to.equal(0);
  });
});
