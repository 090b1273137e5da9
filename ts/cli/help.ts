/** What help texts of commands end with: what they print, as JSON too, and examples. */
export const HELP = {
  run: `
Log lines (JSON, of pino) go to standard error. With --json standard output has an object for each thing that happens, with its name as "event":
  running    "datapath" (TYPE@NAME), "bridge" and its "ports"
  packet-in  a packet for a controller: "bridge", "inPort", "bytes", "cookie"
  warning    "message"
  stopping   "signal"

Examples:
  slowpath run -d netdev -b br0 -p eth1 -p eth2 --flows rules.txt
  slowpath run -d system --vsctl "add-br br0 -- add-port br0 eth1 tag=10" --keep --metrics 9273`,
  dumpFlows: `
Asks the switch that runs on the datapath, else the kernel itself. With --json: an array of objects with "ufid", "flow" and "actions" (in the
syntax of ovs-dpctl), "packets", "bytes", "idleMs" (milliseconds since the last packet, null for never) and "tcpFlags".

Example:
  slowpath dump-flows -d netdev --names`,
  show: `
Asks the switch that runs on the datapath, else the kernel itself. With --json: an object with "type", "name", "stats" (hit, missed, lost, flows, masks, …) and
"ports", each with "portNo", "name", "type" and "stats" (packets, bytes, errors and drops, received and sent).

Example:
  slowpath show -d netdev --json`,
  trace: `
With --config or --vsctl the switch is the one described; without, the one that runs, with its rules, policies and addresses. With --json: an object with
"datapathActions", "megaflow", "slow" (reasons, if the packet takes the slow path) and "steps", one for each pass through the pipeline: "flow", "finalFlow", "megaflow",
"datapathActions" and "told", what happened in order. Each of these has "kind" (bridge, table, action, bucket, detail, …), "text", what happened inside it as "children",
and of a table "table", and "priority" and "cookie" of the rule.

Examples:
  slowpath trace -d netdev br0 in_port=eth1,tcp,nw_dst=10.0.0.2,tcp_dst=80
  slowpath trace --vsctl "add-br br0 -- add-port br0 p1 -- add-port br0 p2" --policy policy.mjs br0 in_port=p1,ip`,
  flowEvents: `
Each line tells what became of a flow: installed, modified, or deleted with the reason, its packets and its age. With --json: "event", "time" (milliseconds since
1970), "ufid", "flow", "actions", "packets", "bytes", "ageMs", and "reason" of a deletion. With --rules: rules of tables that went, with --json "bridge", "reason", "table", "priority",
"cookie", "match", "idleTimeout", "hardTimeout", "durationMs", "packets", "bytes" and "text". A reader that is too slow is told how many were left out ("dropped"). Ends with the
switch, or when nobody reads any more.

Example:
  slowpath flow-events -d netdev --json`,
  ctl: `
Options of ctl itself stand before the command: slowpath ctl -d netdev dpctl/dump-flows -m

Example:
  slowpath ctl -d netdev ofctl/dump-flows br0`,
  batch: `
Each answer is an object; {"error": TEXT} for a request that cannot be answered, and the next line is read. Requests ("op") and what they take:
  key.decode       "key", "mask"?, "more"?  a flow key in hexadecimal: as text and as match
  key.encode       "text"                   the other way
  actions.decode   "actions"                datapath actions in hexadecimal: as text
  actions.encode   "text"                   the other way
  flow.key         "flow"                   a match of OpenFlow: as a flow key
  packet.extract   "packet", "flow"         a packet in hexadecimal, with its metadata: as a flow key
  upcall.classify  "message"                a netlink message in hexadecimal: what it is about
  trace            "case"                   a configuration with packets: what becomes of them

Example:
  echo '{"op":"key.decode","key":"0800030001000000"}' | slowpath batch`,
  monitor: `
Each line has the time, the class (miss, slow_path, sflow, flow_sample, ipfix, controller, bad), bridge and port, the bytes of the
packet, its key as ovs-dpctl writes it, and for misses the datapath actions and the megaflow that was installed. With --json: "time" (milliseconds since
1970), "class", "reason" (of bad and slow path ones), "bridge" and "port", "inPort" (number in the datapath), "packetLength", "key", "actions", "megaflow" and "installed". A reader
that is too slow is told how many were left out ("dropped").

Example:
  slowpath monitor -d netdev --match tcp,nw_dst=10.0.0.0/8,tp_dst=80`,
  pcap: `
Without a configuration there is a bridge br0 with ports port1 to port16. A packet comes in by the port of --in-port; else by the port that has the
name of the interface that it was captured on; else by the first port for the first interface of the file, and so on.

Actions are carried out by the embedded datapath, with its connection tracking; this takes CAP_NET_ADMIN. What is learned stays learned. Progress
is shown on a terminal.

With --json: for each packet an object with "packet" (its number), "time" (seconds since 1970), "inPort", "length", "passes" (number of the "megaflow",
"isMiss", "actions") and "outputs" (ports); then for each megaflow "megaflow", "flow", "actions", "packets" and "bytes"; last "packets", "megaflows" and
"outputs" (packets by port) of the whole.

Example:
  slowpath pcap in.pcapng --flows rules.txt --out ports/`,
  completion: `
  bash: source <(slowpath completion bash)
  zsh:  slowpath completion zsh > "\${fpath[1]}/_slowpath"
  fish: slowpath completion fish | source`,
};

/** What all help texts end with. */
export const EXIT_HELP = `
Exit status:
  0  done
  1  something unforeseen; a stack is on standard error
  2  something to mend: arguments, files, privileges, no switch that runs; one line on standard error says what`;
