#!/bin/bash
# SPDX-License-Identifier: MIT
#
# bench.sh [--quick] [OPTION…]: measures everything into one new results folder: first the programs
# around the suite (google-benchmark, hyperfine), then the suite with its report. Further options
# go to `spawnmark run`: -o DIR, --name HOST, --seed N, --only REGEX, --set KEY=VALUE.
#
# Exit status: that of `spawnmark run`; 3 when something is not installed or not built.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly B=${B:-build}
readonly SCENARIOS=(startup small throughput memory isolation scale)
export B

die() { # STATUS MESSAGE
	printf 'bench: %s\n' "$2" >&2
	exit "$1"
}

say() { printf 'bench: %s\n' "$*" >&2; }

# Where the run has put its results: -o says it, or else the link to the newest.
folder() { # OPTION…
	while [ $# -gt 0 ]; do
		[ "$1" != -o ] || {
			echo "${2:-}"
			return
		}
		shift
	done
	readlink -f results/latest || true
}

# A tool beside the suite must not cost the run: without its JSON, its part of the report is empty.
attach() { # NAME COMMAND…
	local name=$1 began=$SECONDS status=0
	shift
	"$@" >"$work/$name.log" 2>&1 || status=$?
	[ $status -lt 128 ] || exit $status
	if [ $status = 0 ] && [ -s "$work/$name.json" ]; then
		attached+=(--attach "$name=$work/$name.json")
		say "$name: $((SECONDS - began)) s"
	else
		say "warning: no $name: $(tail -n1 "$work/$name.log")"
	fi
}

quick=() options=()
for option; do
	case $option in
	--quick) quick=(--quick) ;;
	*) options+=("$option") ;;
	esac
done

[ -x .venv/bin/python ] || die 3 ".venv is missing: run 'make setup'"
command -v hyperfine >/dev/null || die 3 "hyperfine is missing: run 'make setup'"
for program in spawnmark sm-host micro libspawnmark.so; do
	[ -e "$B/$program" ] || die 3 "$B/$program is missing: run 'make'"
done

began=$SECONDS
work=$B/bench attached=()
rm -rf "$work"
mkdir -p "$work"

say "micro-benchmarks and whole commands first"
attach micro "$B/micro" "${quick[@]}" "--benchmark_out=$work/micro.json" --benchmark_out_format=json
attach e2e bench/e2e/run.sh "$work/e2e.json" "${quick[@]}"

status=0
"$B/spawnmark" run "${SCENARIOS[@]}" "${quick[@]}" "${attached[@]}" "${options[@]}" || status=$?

results=$(folder "${options[@]}")
case $status in
0 | 1 | 4) # there are results, if not of every case
	for json in "$work"/*.json; do
		[ ! -e "$json" ] || cp -p "$json" "$results/"
	done
	say "$((SECONDS - began)) s; results: ${results#"$PWD/"} (report.html, summary.md, run.json)"
	;;
esac
exit $status
