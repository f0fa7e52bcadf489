#!/bin/sh
# Runs a command as if on a machine of its own: `unshare` has given this script namespaces of its own for processes, mounts and
# the network. When it ends, the kernel removes all of them with everything in them. Nothing here changes what other programs see.
# Usage: namespaces.sh DIRECTORY COMMAND…, with an empty directory on a disk.
set -eu
directory=$1
shift

# The runtime and the kubelet keep sockets and state below these directories, whatever their settings say. They must not find
# those of a runtime of this machine.
mount --make-rprivate /
mount -t tmpfs tmpfs /run
for path in /var/lib /var/log; do
  mkdir -p "$directory$path"
  mount --bind "$directory$path" "$path"
done

# The kubelet writes these settings of the kernel, which belong to the whole machine. Here it writes to files instead.
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  mkdir -p "$directory/sys/$(dirname "$setting")"
  cat "/proc/sys/$setting" > "$directory/sys/$setting"
  mount --bind "$directory/sys/$setting" "/proc/sys/$setting"
done

# The addresses of the API server, which is that of its Service, and of the registry and the node. Pods reach both by their gateway.
ip link set lo up
ip address add 10.0.0.1/32 dev lo
ip address add 10.77.0.1/32 dev lo

# Not `exec`: the first process of a namespace inherits processes whose parents have ended, and a shell waits for them.
"$@"
