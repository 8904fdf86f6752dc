#!/usr/bin/env bash
# Finds what the tests and the benchmark need from the system, and installs what is missing with apt where that is possible.
# Usage: tests/system-packages.sh test|bench. Exits 1, naming what is missing, where it cannot help: nothing is skipped.
set -euo pipefail
shopt -s nullglob

# Debian keeps the server's programs off the PATH.
has_postgresql() {
  command -v postgres >/dev/null && command -v initdb >/dev/null && return
  local found=(/usr/lib/postgresql/*/bin/postgres)
  ((${#found[@]} > 0))
}

has() {
  case $1 in
    postgresql) has_postgresql ;;
    nodejs) command -v node >/dev/null ;;
    util-linux) command -v taskset >/dev/null ;;
    nginx) command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing() {
  local package
  for package in "${wanted[@]}"; do has "$package" || echo "$package"; done
}

case ${1:-} in
  test) wanted=(postgresql nodejs npm curl) ;;
  bench) wanted=(wrk nginx util-linux) ;;
  *) echo "usage: $0 test|bench" >&2; exit 2 ;;
esac

mapfile -t lacking < <(missing)
((${#lacking[@]} == 0)) && exit 0

give_up() {
  echo "Missing on this system: ${lacking[*]}. $1" >&2
  exit 1
}

command -v apt-get >/dev/null || give_up "Install them (there is no apt-get here to do it with), then run make again."
root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || give_up "Run as root: apt-get install ${lacking[*]}"
  root=(sudo)
  [[ -t 0 ]] || root=(sudo -n)
  "${root[@]}" true || give_up "Run as root: apt-get install ${lacking[*]}"
fi

echo "installing from the system's package source: ${lacking[*]}" >&2
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 || give_up "apt-get update failed."
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${lacking[@]}" >&2 </dev/null ||
  give_up "apt-get install failed."

mapfile -t lacking < <(missing)
((${#lacking[@]} == 0)) || give_up "They were installed, and still cannot be found."
