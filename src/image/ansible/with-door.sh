#!/bin/bash
# with-door.sh SOCKET ENTER COMMAND…: runs the command while there is a door to the machine, and ends
# as it does. The first who knocks makes it ENTER. It ends with us, whatever ends us: its stdin is a
# pipe of which only we have the other end.
set -u
door=$1 enter=$2
shift 2
exec 3> >(SYSTEMD_LOG_LEVEL=warning exec systemd-socket-activate --listen="$door" "$enter")
opener=$!
trap 'exec 3>&-; kill "$opener" 2>/dev/null' EXIT
trap 'exit 143' TERM
# systemd-socket-activate(1) makes it 0644, and to connect is to write. Who may come near it is decided
# by the directory around it.
until chmod 0666 "$door" 2>/dev/null; do
  kill -0 "$opener" || exit 1
  sleep 0.01
done
"$@" 3>&- &
wait $!
