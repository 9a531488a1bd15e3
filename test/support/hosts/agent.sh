#!/bin/sh
# agent.sh [OPTIONS] HOST COMMAND...: runs a command on node2 as ssh would, for launchers that start.sh runs.
while [ "${1#-}" != "$1" ]; do shift; done
shift
exec nsenter --target "$NODE2" --net --uts --mount --pid sh -c "$*"
