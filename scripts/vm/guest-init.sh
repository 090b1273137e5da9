#!/bin/bash
# Process 1 of the guest, started by the initrd with the job's folder as argument. Makes the usual file systems, loads the
# modules, runs the job's command, reports its status and turns the machine off. See README.md.
job=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing 2>/dev/null
mkdir -p /dev/pts /dev/shm /run/lock /run/netns /run/openvswitch
mount -t devpts -o ptmxmode=666 pts /dev/pts
mount -t tmpfs shm /dev/shm
ln -sfn /proc/self/fd /dev/fd
ln -sfn /proc/self/fd/0 /dev/stdin
ln -sfn /proc/self/fd/1 /dev/stdout
ln -sfn /proc/self/fd/2 /dev/stderr

mkdir -p /lib/modules
mount --bind "$(<"$job/modules")" /lib/modules

number=0
while IFS= read -r -d '' folder; do
  mkdir -p "$folder"
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=mmap "rw$number" "$folder" \
    || echo "guest: $folder does not mount"
  number=$((number + 1))
done < "$job/shared"

ip link set lo up
hostname guest
sysctl -qw kernel.printk='3 4 1 3' net.ipv6.conf.default.accept_dad=0
modprobe -a openvswitch vport-vxlan vport-geneve vport-gre veth tun dummy ifb nf_conntrack nf_nat nf_conntrack_netlink \
  nf_conntrack_ftp nf_nat_ftp nf_conntrack_tftp nf_nat_tftp \
  psample sch_ingress sch_htb sch_netem cls_flower cls_matchall act_police act_sample || echo "guest: a module does not load"

# /dev/vportNpM of the port that QEMU was given this name for.
port() {
  local entry
  for entry in /sys/class/virtio-ports/*; do
    [ "$(<"$entry/name")" = "$1" ] && echo "/dev/${entry##*/}"
  done
}

mapfile -d '' environment < "$job/environment"
mapfile -d '' argv < "$job/argv"
cd "$(<"$job/cwd")" || echo "guest: no folder $(<"$job/cwd")"

# A virtio port can be opened once only, so that a command which opens /dev/stdout must meet a pipe.
mkfifo /run/job-out /run/job-err
cat /run/job-out > "$(port out)" & out=$!
cat /run/job-err > "$(port err)" & err=$!
setsid env -i "${environment[@]}" "${argv[@]}" < /dev/null > /run/job-out 2> /run/job-err
status=$?
# What the command left running may hold the pipes open: half a second for its last words, no more.
for _ in 1 2 3 4 5; do
  kill -0 $out 2>/dev/null || kill -0 $err 2>/dev/null || break
  sleep 0.1
done
sync
echo "$status" > "$(port status)"
echo o > /proc/sysrq-trigger
sleep 60
