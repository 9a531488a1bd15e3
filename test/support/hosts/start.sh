#!/bin/bash
# start.sh COMMAND...: runs a command on node1, the first of two hosts that a cable connects. It has to be started in namespaces of its
# own, of the network, the host's name (UTS) and mounts, which become node1. All processes of node2 end with the command.
set -e
# Has /sys/class/net show the devices of this host, by which UCX finds them.
mount -t sysfs none /sys
hostname node1
ip link set lo up
read -r < <(
  exec setpriv --pdeathsig KILL unshare --net --uts --mount --pid --fork --kill-child \
    bash -c 'mount -t sysfs none /sys; hostname node2; ip link set lo up; echo ready; exec sleep infinity >/dev/null'
)
export NODE2=$(($(<"/proc/$!/task/$!/children")))
ip link add cable type veth peer name cable netns "$NODE2"
for host in "$$ 10.0.0.1" "$NODE2 10.0.0.2"; do
  read -r pid address <<<"$host"
  nsenter --target "$pid" --net ip address add "$address/24" dev cable
  nsenter --target "$pid" --net ip link set cable up
done
exec "$@"
