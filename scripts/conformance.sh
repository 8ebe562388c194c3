#!/bin/bash
# SPDX-License-Identifier: MIT
#
# conformance.sh [-o DIR] [OPTION…]: asks every check of every strategy, into one new results
# folder (or DIR): conformance.json, conformance.ktap, and both as a matrix for people. Further
# options go to `spawnmark conform`: --strategy LIST, --only REGEX, --level L, --repeat N, --long.
#
# Exit status: that of `spawnmark conform` (1: a check failed; 4: interrupted), the matrix is drawn
# all the same; 3 when something is not installed or not built.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly B=${B:-build} PYTHON=.venv/bin/python

die() { # STATUS MESSAGE
	printf 'conformance: %s\n' "$2" >&2
	exit "$1"
}

# The name that a run's folder has: see harness/driver/folder.c.
safe() { tr -c '[:alnum:]._-' _ | sed 's/^\./_/'; }
folder() {
	printf 'results/%s-%s-%s' "$(uname -n | tr -d '\n' | safe)" \
		"$(uname -r | tr -d '\n' | safe)" "$(date -u +%Y%m%dT%H%M%SZ)"
}

# What is made under sudo belongs to whoever called it.
give_back() { # PATH…
	[ -z "${SUDO_UID:-}" ] || [ "$(id -u)" != 0 ] || chown -h "$SUDO_UID:${SUDO_GID:-0}" "$@"
}

results='' options=()
while [ $# -gt 0 ]; do
	case $1 in
	-o)
		results=${2:?conformance: -o needs a folder}
		shift
		;;
	--json | --json=*) die 2 "--json is chosen here: conformance.json of the folder; see -o DIR" ;;
	*) options+=("$1") ;;
	esac
	shift
done

[ -x $PYTHON ] || die 3 ".venv is missing: run 'make setup'"
[ -x "$B/spawnmark" ] || die 3 "$B/spawnmark is missing: run 'make'"

if [ -z "$results" ]; then
	results=$(folder)
	[ -d results ] || { mkdir results && give_back results; }
fi
[ -d "$results" ] || { mkdir "$results" && give_back "$results"; } ||
	die 2 "cannot write to $results; name a writable folder with -o DIR"
readonly JSON=$results/conformance.json KTAP=$results/conformance.ktap
rm -f "$JSON"

began=$SECONDS status=0
"$B/spawnmark" conform --json "$JSON" "${options[@]}" >"$KTAP" || status=$?
give_back "$KTAP"
if [ ! -s "$JSON" ]; then # bad usage, say, or --list: nothing to draw
	cat "$KTAP"
	rm -f "$KTAP"
	rmdir --ignore-fail-on-non-empty "$results"
	exit $status
fi
give_back "$JSON"

drawn=0
$PYTHON scripts/matrix.py "$JSON" || drawn=$?
for file in "$results"/matrix.html "$results"/matrix.md; do
	[ ! -e "$file" ] || give_back "$file"
done
printf 'conformance: %d s; also there: conformance.json, conformance.ktap\n' $((SECONDS - began)) >&2
[ $status != 0 ] || status=$drawn
exit $status
