// What vswitchd.mjs has to do with the system around it: its pid file, systemd, and a real ovs-vswitchd.
import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { SlowpathError } from 'slowpath';

/** The content of a file, or null. */
function read(path) {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** Whether a process of this number runs; it may be another's. */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Writes our number into a file; what removes it again. Throws ERR_PIDFILE when the process that it names runs. */
export function writePidfile(path) {
  const before = Number(read(path));
  if (before > 0 && before !== process.pid && isAlive(before)) {
    throw new SlowpathError('ERR_PIDFILE', `${path}: process ${before} runs already: stop it first`);
  }
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (cause) {
    throw new SlowpathError('ERR_PIDFILE', `cannot write ${path}: ${cause.message}`, { cause });
  }
  return () => {
    if (read(path) === String(process.pid)) rmSync(path, { force: true });
  };
}

/** Tells the service manager something (sd_notify(3)); nothing without one. */
export function notify(...assignments) {
  if (!process.env.NOTIFY_SOCKET) return;
  // Node has no datagram sockets of the Unix family; this program is where systemd is.
  spawnSync('systemd-notify', assignments, { stdio: 'ignore', timeout: 5000 });
}

function networkNamespace(pid) {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}

/** Number of the ovs-vswitchd that runs in this network namespace, or null. */
function liveVswitchd() {
  const folder = process.env.OVS_RUNDIR ?? '/run/openvswitch';
  const pid = Number(read(`${folder}/ovs-vswitchd.pid`));
  if (!(pid > 0) || !isAlive(pid) || read(`/proc/${pid}/comm`) !== 'ovs-vswitchd') return null;
  const theirs = networkNamespace(pid);
  return theirs === null || theirs === networkNamespace('self') ? pid : null;
}

/**
 * Throws ERR_VSWITCHD_RUNS when ovs-vswitchd runs and uses, or would use as soon as it has a bridge, the datapath that is asked for. Who receives the
 * upcalls of a datapath that is there is looked at when it is opened.
 */
export function refuseBesideVswitchd({ type, name = 'ovs-system', netns }) {
  if (type !== 'system' || name !== 'ovs-system' || netns !== undefined) return;
  const pid = liveVswitchd();
  if (pid === null) return;
  throw new SlowpathError(
    'ERR_VSWITCHD_RUNS',
    `ovs-vswitchd runs (process ${pid}), and ${name} is its datapath: stop it first, or give datapath.name another name`,
  );
}
