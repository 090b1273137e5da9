/**
 * The tables and columns of ovs-vswitchd.conf.db(5) (Open vSwitch 3.1, database Open_vSwitch; local_group_id is of 3.4), one column a line:
 *
 *     column  type  multiplicity  flags
 *
 * Types: `integer`, `real`, `boolean`, `string`; a range as `integer[0,4095]` (either end may be missing), a choice as
 * `string{a,b}`; `->Table` refers to a row that it keeps alive, `~>Table` to one that it does not; `key:value` makes a map.
 * Multiplicity: `1`, `?` (none or one), `*`, `+`, or `0..n`. Flags: `fixed` cannot change once the row exists, `status` is written by the
 * switch, not by its configuration. Table flags: `root` rows live without being referred to, `single` has one row, `key=…` names the
 * columns that tell rows apart.
 */
export const SCHEMA_TEXT = `
table Open_vSwitch root single
  datapaths string:->Datapath *
  bridges ->Bridge *
  manager_options ->Manager *
  ssl ->SSL ?
  other_config string:string *
  external_ids string:string *
  next_cfg integer 1
  cur_cfg integer 1 status
  statistics string:string * status
  ovs_version string ?
  db_version string ?
  system_type string ?
  system_version string ?
  datapath_types string * status
  iface_types string * status
  dpdk_initialized boolean 1 status
  dpdk_version string ? status

table Bridge key=name
  name string 1 fixed
  datapath_type string 1
  datapath_version string 1 status
  datapath_id string ? status
  stp_enable boolean 1
  rstp_enable boolean 1
  mcast_snooping_enable boolean 1
  ports ->Port *
  mirrors ->Mirror *
  netflow ->NetFlow ?
  sflow ->sFlow ?
  ipfix ->IPFIX ?
  controller ->Controller *
  protocols string{OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15} *
  fail_mode string{standalone,secure} ?
  status string:string * status
  rstp_status string:string * status
  other_config string:string *
  external_ids string:string *
  flood_vlans integer[0,4095] 0..4096
  flow_tables integer[0,254]:->Flow_Table *
  auto_attach ->AutoAttach ?

table Port key=name
  name string 1 fixed
  interfaces ->Interface +
  trunks integer[0,4095] 0..4096
  cvlans integer[0,4095] 0..4096
  tag integer[0,4095] ?
  vlan_mode string{trunk,access,native-tagged,native-untagged,dot1q-tunnel} ?
  qos ->QoS ?
  mac string ?
  bond_mode string{balance-tcp,balance-slb,active-backup} ?
  lacp string{active,passive,off} ?
  bond_updelay integer 1
  bond_downdelay integer 1
  bond_active_slave string ? status
  bond_fake_iface boolean 1
  fake_bridge boolean 1
  status string:string * status
  rstp_status string:string * status
  rstp_statistics string:integer * status
  statistics string:integer * status
  protected boolean 1
  other_config string:string *
  external_ids string:string *

table Interface key=name
  name string 1 fixed
  type string 1
  options string:string *
  ingress_policing_rate integer[0,] 1
  ingress_policing_burst integer[0,] 1
  ingress_policing_kpkts_rate integer[0,] 1
  ingress_policing_kpkts_burst integer[0,] 1
  mac_in_use string ? status
  mac string ?
  ifindex integer[0,4294967295] ? status
  external_ids string:string *
  ofport integer ?
  ofport_request integer[1,65279] ?
  bfd string:string *
  bfd_status string:string * status
  cfm_mpid integer ?
  cfm_remote_mpids integer * status
  cfm_flap_count integer ? status
  cfm_fault boolean ? status
  cfm_fault_status string * status
  cfm_remote_opstate string{up,down} ? status
  cfm_health integer[0,100] ? status
  lacp_current boolean ? status
  lldp string:string *
  other_config string:string *
  statistics string:integer * status
  status string:string * status
  admin_state string{up,down} ? status
  link_state string{up,down} ? status
  link_resets integer ? status
  link_speed integer ? status
  duplex string{half,full} ? status
  mtu integer ? status
  mtu_request integer[1,] ?
  error string ? status

table Flow_Table
  name string ?
  flow_limit integer[0,] ?
  overflow_policy string{refuse,evict} ?
  groups string *
  prefixes string 0..3
  external_ids string:string *

table QoS root
  type string 1
  queues integer[0,4294967295]:->Queue *
  other_config string:string *
  external_ids string:string *

table Queue root
  dscp integer[0,63] ?
  other_config string:string *
  external_ids string:string *

table Mirror
  name string 1
  select_all boolean 1
  select_src_port ~>Port *
  select_dst_port ~>Port *
  select_vlan integer[0,4095] 0..4096
  output_port ~>Port ?
  output_vlan integer[1,4095] ?
  snaplen integer[14,65535] ?
  statistics string:integer * status
  external_ids string:string *

table NetFlow
  targets string +
  engine_type integer[0,255] ?
  engine_id integer[0,255] ?
  add_id_to_interface boolean 1
  active_timeout integer[-1,] 1
  external_ids string:string *

table sFlow
  targets string +
  sampling integer ?
  polling integer ?
  header integer ?
  agent string ?
  external_ids string:string *

table IPFIX
  targets string *
  sampling integer[1,4294967295] ?
  obs_domain_id integer[0,4294967295] ?
  obs_point_id integer[0,4294967295] ?
  cache_active_timeout integer[0,4200] ?
  cache_max_flows integer[0,4294967295] ?
  other_config string:string *
  external_ids string:string *

table Flow_Sample_Collector_Set root key=id,bridge
  id integer[0,4294967295] 1
  bridge ->Bridge 1
  ipfix ->IPFIX ?
  local_group_id integer[0,4294967295] ?
  external_ids string:string *

table Controller
  type string{primary,service} ?
  target string 1
  max_backoff integer[1000,] ?
  inactivity_probe integer ?
  connection_mode string{in-band,out-of-band} ?
  local_ip string ?
  local_netmask string ?
  local_gateway string ?
  enable_async_messages boolean ?
  controller_queue_size integer[1,512] ?
  controller_rate_limit integer[100,] ?
  controller_burst_limit integer[25,] ?
  other_config string:string *
  external_ids string:string *
  is_connected boolean 1 status
  role string{other,master,slave} ? status
  status string:string * status

table Manager key=target
  target string 1
  max_backoff integer[1000,] ?
  inactivity_probe integer ?
  connection_mode string{in-band,out-of-band} ?
  other_config string:string *
  external_ids string:string *
  is_connected boolean 1 status
  status string:string * status

table Datapath
  datapath_version string 1 status
  ct_zones integer[0,65535]:->CT_Zone *
  capabilities string:string * status
  external_ids string:string *

table CT_Zone
  timeout_policy ->CT_Timeout_Policy ?
  external_ids string:string *

table CT_Timeout_Policy
  timeouts string{tcp_syn_sent,tcp_syn_recv,tcp_established,tcp_fin_wait,tcp_close_wait,tcp_last_ack,tcp_time_wait,tcp_close,tcp_syn_sent2,tcp_retransmit,tcp_unack,udp_first,udp_single,udp_multiple,icmp_first,icmp_reply}:integer[0,4294967295] *
  external_ids string:string *

table SSL single
  private_key string 1
  certificate string 1
  ca_cert string 1
  bootstrap_ca_cert boolean 1
  external_ids string:string *

table AutoAttach
  system_name string 1
  system_description string 1
  mappings integer[0,16777215]:integer[0,4095] *
`;
