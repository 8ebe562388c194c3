#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test-conform.sh plain|user|contained [ARGUMENT…]: the whole conformance suite on this machine,
# as KTAP, and a look from outside at what it left behind: processes, mounts, control groups,
# sockets, files.
#
#   plain      as whoever calls
#   user       as an ordinary user (nobody): more cells are skipped, none fails
#   contained  under a filter like a container engine's: no clone3, no namespaces
#
# Several may go on at once: each runs from a folder of its own, in which the programs of the build
# are linked, and so knows its processes from others'.
#
# Exit status: conform's own; 1 something was left behind; 3 this machine cannot do it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

BUILD=$(realpath "${B:-build}") || exit
readonly BUILD WAY=${1:-}
shift || true

die() { # STATUS MESSAGE
	echo "test-conform: $2" >&2
	exit "$1"
}

# One line for each thing of ours that is still there.
look() { # PID
	local exe
	for exe in /proc/[0-9]*/exe; do
		case $(readlink "$exe") in
		"$OWN"/*) echo "process $exe" ;;
		esac
	done
	grep -F "$TMPDIR" /proc/self/mountinfo | sed 's/^/mount /'
	find /sys/fs/cgroup -maxdepth 8 -type d -name "spawnmark*$1*" 2>/dev/null | sed 's/^/cgroup /'
	grep -oE "${TMPDIR}[^ ]*" /proc/net/unix | sed 's/^/socket /'
	find "$TMPDIR" -mindepth 1 | sed 's/^/file /'
}

# Nothing is removed through a mount: what it shows is somebody else's.
clean() {
	local point
	while read -r point; do
		umount -l "$point" || return
	done < <(awk -v dir="$TMPDIR/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo)
	rm -rf --one-file-system "$TMPDIR" "$OWN"
}

main() {
	local -a as=()
	local status=0 left pid
	TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/conform-XXXXXX") || exit
	export TMPDIR
	OWN=$(mktemp -d "$BUILD/conform-XXXXXX") || exit
	trap clean EXIT
	chmod 0711 "$TMPDIR" "$OWN" # some checks turn into other users
	cp -al "$BUILD"/{spawnmark,sm-host,payloads,*.so} "$OWN" || exit
	case $WAY in
	plain) ;;
	user)
		[ "$(id -u)" = 0 ] || die 3 "user: needs root, to become nobody"
		chmod 1777 "$TMPDIR"
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		"${as[@]}" test -x "$OWN/spawnmark" ||
			die 3 "user: nobody cannot reach $BUILD; chmod o+x what is above it"
		;;
	contained) as=("$BUILD/test/contain") ;;
	*) die 2 "expected plain, user or contained" ;;
	esac
	# By the build's name, which is in the commands that repeat a cell.
	# shellcheck disable=SC2016
	"${as[@]}" bash -c 'exec -a "$0" "$@"' "$BUILD/spawnmark" "$OWN/spawnmark" conform "$@" &
	pid=$!
	wait "$pid" || status=$?
	left=$(look "$pid")
	[ -z "$left" ] || {
		printf '%s\n' "$left" | sed 's/^/# left behind: /'
		echo "not ok 99 nothing is left behind"
		status=1
	}
	return $status
}

main "$@"
