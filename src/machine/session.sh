#!/bin/sh
# Runs inside a machine that a person works in: tells the host that it is there, waits for the network
# and becomes their command, or their shell. POSIX sh; writes nothing of its own.

control=/run/nspawn-runner
unset NOTIFY_SOCKET LISTEN_PID LISTEN_FDS

echo ready 1<>"$control/ready"
[ ! -e "$control/network" ] || read -r _ <"$control/network"

# Programs complain of a locale that the image does not have.
known() { locale -a 2>/dev/null | tr -d - | tr '[:upper:]' '[:lower:]' | grep -qxF "$1"; }
wanted=$(printf %s "${LANG-}" | tr -d - | tr '[:upper:]' '[:lower:]')
case $wanted in c | c.utf8 | posix) ;; *) known "$wanted" || export LANG=C.UTF-8 ;; esac

# Becomes it, if there is one. systemd would expand "$" in arguments of a unit.
# shellcheck source=/dev/null
. "$control/command"
cd "$HOME" 2>/dev/null || cd /
command -v bash >/dev/null && exec bash -l
exec sh -l
