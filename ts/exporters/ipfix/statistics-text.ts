import type { IpfixStatistics } from './process.js';

/** The lines of `ovs-ofctl dump-ipfix-bridge` behind the header, which names a message of a connection. */
export function bridgeStatisticsText(statistics: IpfixStatistics): string {
  return lines('bridge ipfix', statistics);
}

/** Those of `ovs-ofctl dump-ipfix-flow`, by collector set. */
export function flowStatisticsText(statistics: ReadonlyMap<number, IpfixStatistics>): string {
  return [...statistics].map(([id, one]) => lines(`id ${String(id).padStart(3)}`, one)).join('\n');
}

function lines(title: string, of: IpfixStatistics): string {
  const errors = of.ipv4Errors + of.ipv6Errors;
  const good =
    `flows=${of.flows}, current flows=${of.currentFlows}, sampled pkts=${of.sampledPackets}, ` +
    `ipv4 ok=${of.ipv4Ok}, ipv6 ok=${of.ipv6Ok}, tx pkts=${of.txPackets}`;
  const bad = `pkts errs=${errors}, ipv4 errs=${of.ipv4Errors}, ipv6 errs=${of.ipv6Errors}, tx errs=${of.txErrors}`;
  const indent = title.startsWith('id') ? 10 : 16;
  return `  ${title}: ${good}\n${' '.repeat(indent)}${bad}`;
}
