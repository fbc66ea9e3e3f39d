# Sourced by the scripts beside it: where things are, and packages.
# shellcheck shell=bash
set -euo pipefail
shopt -s inherit_errexit
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nspawn-runner
export project cache

say() { printf '%s\n' "$*" >&2; }
die() { say "ERROR: $*"; exit 1; }

# Prints the comment block at the top of the calling script when asked for help.
help_when_asked() {
  case ${1-} in
    -h | --help)
      sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"
      exit 0
      ;;
  esac
}

# Installs the Debian packages whose commands are missing: pairs of COMMAND:PACKAGE.
need() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "These packages are missing: ${missing[*]}. Install them, or run this as root."
  say "Installing ${missing[*]}."
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# Where the runtime itself is, from the checkout's root. The launcher in node_modules/.bin is a stub
# until its install script has run, and install scripts are not run here.
bun_path() {
  case $(uname -m) in
    x86_64) echo node_modules/@oven/bun-linux-x64/bin/bun ;;
    aarch64) echo node_modules/@oven/bun-linux-aarch64/bin/bun ;;
    *) die "There is no Bun for $(uname -m)." ;;
  esac
}
bun() { "$project/$(bun_path)" "$@"; }
