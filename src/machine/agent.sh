#!/bin/sh
# Runs inside a machine: takes requests from the host and runs each step's script in a session of
# its own. POSIX sh; needs only what busybox has. It trusts nobody and nobody trusts it: the job is
# root here and may do with it as it likes, to its own harm alone.
#
# Requests, a line each, on the FIFO "request":  run STEP | signal SESSION NAME
# A step is a directory: script, interpreter, and the FIFOs output, result and ack.

control=/run/nspawn-runner
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$control/bin
SHELL=$(command -v bash || command -v sh)
HOME=/root USER=root LOGNAME=root LANG=C.UTF-8
export PATH SHELL HOME USER LOGNAME LANG
unset NOTIFY_SOCKET LISTEN_PID LISTEN_FDS INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID
unset MEMORY_PRESSURE_WATCH MEMORY_PRESSURE_WRITE
umask 022

name_ourselves() {
  read -r name </proc/sys/kernel/hostname
  [ -e /etc/hosts ] || printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >/etc/hosts
  grep -q "[[:space:]]$name\$" /etc/hosts || printf '127.0.1.1\t%s\n' "$name" >>/etc/hosts
}

# What the image asks of its machines. In a shell of its own: the job's variables stay in it.
become_user() {
  # shellcheck source=/dev/null
  . "$control/environment"
  [ -e "$control/user" ] || exec setsid "$@"
  read -r user uid gid _ <"$control/user"
  if command -v setpriv >/dev/null && setpriv --reuid "$uid" --regid "$gid" --init-groups true 2>/dev/null; then
    exec setsid setpriv --reuid "$uid" --regid "$gid" --init-groups "$@"
  fi
  # shellcheck disable=SC2016
  exec setsid su -s /bin/sh "$user" -c 'exec "$0" "$@"' "$@"
}

# The user of the image owns where projects and caches go.
make_places() {
  [ -e "$control/user" ] || return 0
  read -r _ uid gid home <"$control/user"
  mkdir -p /builds /cache "$home"
  chown "$uid:$gid" /builds /cache
}

# Runs one step and tells its end on "result", which closes with us: the host then knows of a death.
run_step() {
  step=$control/steps/$1
  exec 3<&- 6>"$step/result"
  read -r program argument <"$step/interpreter"
  [ "$program" != bash ] || command -v bash >/dev/null || program='sh'
  set -- "$program" ${argument:+"$argument"} "$step/script"
  become_user "$@" </dev/null >"$step/output" 2>&1 6>&- &
  session=$!
  echo "started $session" >&6
  wait "$session"
  code=$?
  # What the script left running may still write: hold its output open until the host has read all
  # that was written so far, then let the rest go nowhere. Otherwise a server would die of SIGPIPE.
  exec 4<"$step/output"
  echo "exited $code" >&6
  read -r _ <"$step/ack"
  exec 6>&-
  exec cat <&4 >/dev/null
}

signal_session() {
  session=$1 signal=$2 found=
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    # The second field is a name in parentheses that may hold blanks; the session is the sixth.
    # shellcheck disable=SC2086
    set -- ${line##*) }
    [ "${4-}" != "$session" ] || found="$found ${line%% *}"
  done
  # shellcheck disable=SC2086
  [ -z "$found" ] || kill -s "$signal" $found
}

cd "$HOME" 2>/dev/null || cd /
name_ourselves 2>/dev/null
make_places
exec 3<>"$control/request"
echo ready 1<>"$control/ready"
while read -r verb first second <&3; do
  case $verb in
    run) run_step "$first" & ;;
    signal) (signal_session "$first" "$second" 2>/dev/null) & ;;
  esac
done
