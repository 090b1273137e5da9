// Recorded translations, as case:index, that we do not mean to repeat, and why. Everything else agrees in every step.
function ids(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/**
 * Recorded while addresses of an earlier configuration were still in the MAC table: the case does not say so, and a freshly
 * started ovs-vswitchd 3.1.0 with the case's configuration answers otherwise (npm run oracle asks one).
 */
export const STALE_RECORDINGS = ids(`
  f-00091:2 f-00095:2 f-00104:0 f-00301:1 f-00308:1 f-00315:2 f-00454:1 f-00496:2
  f-00560:0 f-00560:1 f-00583:0 f-00649:1 f-00718:0 f-00776:0 f-00918:2 f-00919:2
  f-00936:2 f-00961:0 f-00961:1 f-00961:2 f-01040:0 f-01040:1 f-01050:0 f-01070:0
  f-01084:0 f-01084:1 f-01187:0 f-01187:1 f-01187:2 f-01220:1 f-01226:0 f-01230:1
  f-01230:2 f-01231:0 f-01232:1 f-01232:2 f-01260:2 f-01262:2 f-01274:0 f-01274:1
  f-01274:2 f-01287:1 f-01327:0 f-01327:1 f-01327:2 f-01364:1 f-01390:1 f-01447:1
  f-01490:1 f-01524:1 f-01534:1 f-01545:2 f-01593:1 f-01598:0 f-01598:1 f-01598:2
  f-01606:1 f-01648:0 f-01648:1 f-01650:0 f-01650:1 f-01650:2 f-01669:2 f-01707:2
  f-01820:0 f-01841:0 f-01841:1 f-01841:2 f-01868:0 f-01869:2 f-01896:1 f-01912:2
  f-02029:0 f-02033:0 f-02034:2 f-02042:0 f-02042:2 f-02075:0 f-02101:0 f-02101:1
  f-02101:2 f-02132:0 f-02132:1 f-02132:2 f-02144:1 f-02158:0 f-02158:1 f-02158:2
  f-02190:0 f-02207:0 f-02207:1 f-02224:0 f-02256:0 f-02256:1 f-02256:2
`);

/** Deliberate differences by reason. The test demands that each is one: a case that agrees again must leave its list. */
export const DELIBERATE: Readonly<Record<string, ReadonlySet<string>>> = {
  // Where OVS's order of a flood hangs on addresses of its memory it is by port number here, and a packet that comes back through a patch port, changes or is cut
  // off in the middle of a flood makes the order show.
  'order of floods': ids('f-00086:1 f-00086:2 f-00494:2'),
  // Reserved addresses are not mirrored to a VLAN; OVS decides that without looking.
  'mirrors to a VLAN look at the reserved bits of dl_dst': ids(`
    f-00276:1 f-00276:2 f-00333:2 f-00811:0 f-00811:1 f-01559:0 f-01749:0 f-01749:1 f-01749:2 f-02064:0
    f-02064:1 f-02064:2
  `),
  // Datapaths set no IP header of protocol 0, so that the protocol decides about the action; OVS leaves it wild.
  'changes of IP headers look at nw_proto': ids('f-01050:1'),
  // The label stack entry is set whole, so all of it is known.
  'changes of a label look at all of it': ids('f-01220:2'),
  // The same mask; OVS tells 20 bits of mask from 32 of which 12 do not exist.
  'ipv6_label/0xfffff': ids('f-00241:2 f-00396:0 f-02126:2'),
};
