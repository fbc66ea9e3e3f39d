#!/bin/sh
# Runs inside a machine: takes requests from the host and runs each step's script in a session of
# its own. POSIX sh; needs only what busybox has. It trusts nobody and nobody trusts it: the job is
# root here and may do with it as it likes, to its own harm alone.
#
# Requests, a line each, on the FIFO "request":  run STEP ASK | signal SESSION NAME
# A step is a directory: command (a word of it in each line), and FIFOs: output, ack, and result-ASK.
# Answers, a line each, on that:  taken | started SESSION | exited CODE

control=/run/nspawn-runner
starter=/run/nspawn-runner-starter
own_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PATH=$own_path
HOME=/root USER=root LOGNAME=root LANG=C.UTF-8
SHELL=$(command -v bash) || SHELL=/bin/sh
export PATH SHELL HOME USER LOGNAME LANG
unset NOTIFY_SOCKET LISTEN_PID LISTEN_FDS INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID
unset MEMORY_PRESSURE_WATCH MEMORY_PRESSURE_WRITE
umask 022

name_ourselves() {
  read -r name </proc/sys/kernel/hostname
  [ -e /etc/hosts ] || printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >/etc/hosts
  grep -q "[[:space:]]$name\$" /etc/hosts || printf '127.0.1.1\t%s\n' "$name" >>/etc/hosts
}

# The user of the image owns where projects and caches go.
make_places() {
  [ -n "$user" ] || return 0
  mkdir -p /builds /cache
  chown "$uid:$gid" /builds /cache
  # One that the image has stays as it is.
  [ -e "$home" ] || { mkdir -p "$home" && chown "$uid:$gid" "$home"; }
}

# Who runs scripts, and how one becomes that; asked once, not for each step.
find_user() {
  user='' uid='' gid='' home='' setpriv=''
  [ -e "$control/user" ] || return 0
  read -r user uid gid home <"$control/user"
  # That of busybox is another.
  if setpriv --reuid "$uid" --regid "$gid" --init-groups true 2>/dev/null; then
    find_program setpriv && setpriv=$program
  fi
  find_program su && su=$program
}

# Not run where it lies: the host's /run may be mounted noexec, and a bind mount keeps that.
write_starter() {
  # shellcheck source=/dev/null
  . "$control/starter" >"$starter.new" && chmod 755 "$starter.new" && mv "$starter.new" "$starter"
}

# find_program NAME: sets "program" to its path, as the script's own PATH has it once that is known,
# else ours; to the name where there is none. Not "command -v", which of busybox says no path.
find_program() {
  program=$1
  case $1 in */*) return ;; esac
  places=${script_path:+$script_path:}$own_path
  set -f
  IFS=:
  for directory in $places; do
    [ -f "$directory/$1" ] && [ -x "$directory/$1" ] && program=$directory/$1 && break
  done
  unset IFS
  set +f
  [ "$program" != "$1" ]
}

# start_script PROGRAM ARGUMENT...: becomes that. A variable of the image may have the name of one of
# ours: once they are read, all that counts is in "$@".
start_script() {
  if [ -n "$setpriv" ]; then
    set -- "$setpriv" --reuid "$uid" --regid "$gid" --init-groups "$@"
  elif [ -n "$user" ]; then
    # shellcheck disable=SC2016
    set -- "$su" -s /bin/sh "$user" -c 'exec "$0" "$@"' "$@"
  fi
  set -- "$starter" "$@"
  # shellcheck source=/dev/null
  . "$control/environment"
  { cd "$HOME" || cd /; } >/dev/null 2>&1
  exec "$@"
}

# Runs one step and tells its end on its result, which closes with us: the host then knows of a death.
run_step() {
  step=$control/steps/$1
  # Not there any more when the host has asked again, or was told to end. Nobody reads any more when
  # it has done so just now.
  exec 3<&- 6>"$step/result-$2" || exit
  echo taken >&6 || exit
  set --
  while read -r word; do set -- "$@" "$word"; done <"$step/command"
  find_program "$1"
  [ "$program" != bash ] || find_program sh
  shift
  [ -x "$starter" ] || write_starter
  start_script "$program" "$@" </dev/null >"$step/output" 2>&1 6>&- &
  session=$!
  echo "started $session" >&6
  wait "$session"
  code=$?
  # What the script left running may still write: hold its output open until the host has read all
  # that was written so far, then let the rest go nowhere. Otherwise a server would die of SIGPIPE.
  # Both are opened while the host surely holds them: it waits for what we say next.
  exec 5<"$step/ack" 4<"$step/output"
  echo "exited $code" >&6
  read -r _ <&5
  exec 5<&- 6>&-
  exec cat <&4 >/dev/null
}

# each_process COMMAND...: calls it for each, with "id", "parent" and "of" (its session) set. The second
# field of stat is a name in parentheses that may hold anything, the end of a line too.
each_process() {
  for stat in /proc/[0-9]*/stat; do
    line='' id=${stat#/proc/} id=${id%/stat}
    { while IFS= read -r part; do line="$line $part"; done <"$stat"; } 2>/dev/null
    fields=${line##*) } fields=${fields#* }
    parent=${fields%% *} fields=${fields#* } fields=${fields#* }
    of=${fields%% *}
    "$@"
  done
}

# The process itself too: it is told of before it has made its session.
find_member() { [ "$of" != "$session" ] && [ "$id" != "$session" ] || found="$found $id"; }
find_begun() { [ "$parent" != "$first" ] || [ "$of" != "$id" ] || session=$id; }

signal_session() {
  first=$1 session=$1 signal=$2 found=
  # su of util-linux waits, in the session of ours, for the one that it has begun for the script.
  [ -z "$user" ] || [ -n "$setpriv" ] || each_process find_begun
  each_process find_member
  # shellcheck disable=SC2086
  [ -z "$found" ] || kill -s "$signal" $found
}

# Where an administrator lets containers run inside. A user namespace inside may mount proc and sysfs only
# where all of one is seen already, and nspawn has mounts over parts of ours (mount_too_revealing() of
# Linux). What an nspawn inside mounts below its own directory it mounts again with other flags, which
# those of our /run forbid (setup_propagate() of systemd).
make_room_for_containers() {
  [ -e "$control/nesting" ] && [ ! -e /dev/.nesting ] || return 0
  for kind in proc sysfs; do
    mkdir -p "/dev/.nesting/$kind"
    mount -t "$kind" -o nosuid,nodev,noexec "$kind" "/dev/.nesting/$kind"
  done
  mkdir -p /run/systemd/nspawn
  mount -t tmpfs -o mode=755 tmpfs /run/systemd/nspawn
}

cd "$HOME" 2>/dev/null || cd /
make_room_for_containers 2>/dev/null
name_ourselves 2>/dev/null
find_user
# shellcheck source=/dev/null
script_path=$(. "$control/environment" && printf '%s' "$PATH")
make_places
write_starter
exec 3<>"$control/request"
echo ready 1<>"$control/ready"
while read -r verb first second <&3; do
  case $verb in
    run) run_step "$first" "$second" & ;;
    signal) (signal_session "$first" "$second" 2>/dev/null) & ;;
  esac
done
