#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Whole commands, timed from outside by hyperfine: a second opinion about what a fresh process
# costs, by a program that knows nothing of this suite. Its JSON is exported to OUT.json.
#
#   bench/e2e/run.sh OUT.json [--quick]      B=build, PYTHON=.venv/bin/python
#
# Exit status: 0 done, 1 a command failed, 2 bad usage, 3 this machine lacks something (the line
# says what to do).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
readonly root
readonly B=${B:-$root/build} PYTHON=${PYTHON:-$root/.venv/bin/python}
readonly MODULES='numpy pandas pyarrow'

die() { # STATUS MESSAGE
	printf 'e2e: %s\n' "$2" >&2
	exit "$1"
}

out='' python_runs=8 none_runs=300
for arg; do
	case $arg in
	--quick) python_runs=3 none_runs=50 ;;
	-*) die 2 "unknown option $arg; usage: run.sh OUT.json [--quick]" ;;
	*)
		[ -z "$out" ] || die 2 "more than one output: $out, $arg; usage: run.sh OUT.json [--quick]"
		out=$arg
		;;
	esac
done
[ -n "$out" ] || die 2 'no output; usage: run.sh OUT.json [--quick]'
command -v hyperfine >/dev/null || die 3 'hyperfine is missing; run: make setup'
[ -x "$PYTHON" ] || die 3 "$PYTHON is missing; run: make setup"
for program in payloads/none payloads/none-static payloads/none-nolibc libspawnmark.so; do
	[ -e "$B/$program" ] || die 3 "$B/$program is missing; run: make"
done

: 2>/dev/null >"$out.tmp" || die 2 "cannot write $out; give a file in a folder that exists"

work=$(mktemp -d)
trap 'rm -rf "$work" "$out.tmp"' EXIT

# Each command runs once before it is timed: that warms it, and one that fails is named.
measure() { # RUNS [NAME COMMAND]…
	local args=(-N --style none --runs "$1" --export-json "$work/$2.json")
	shift
	while [ $# -gt 0 ]; do
		eval "$2" >/dev/null 2>"$work/log" || die 1 "$1 failed: $(tail -n1 "$work/log")"
		args+=(-n "$1" "$2")
		shift 2
	done
	hyperfine "${args[@]}" >"$work/log" 2>&1 || die 1 "$(grep -m1 Error "$work/log")"
}

# hyperfine -N splits a command as a shell would: paths may hold blanks.
quoted() { printf '%q' "$1"; }

python=$(quoted "$PYTHON")
payload="$python $(quoted "$root/harness/payloads/python.py") --lib $(quoted "$B/libspawnmark.so")"

measure $python_runs \
	'python import' "$python -c 'import ${MODULES// /, }'" \
	'python payload' "$payload --imports '$MODULES'"
measure $none_runs \
	'none dynamic' "$(quoted "$B/payloads/none")" \
	'none static' "$(quoted "$B/payloads/none-static")" \
	'none nolibc' "$(quoted "$B/payloads/none-nolibc")"

# Under a temporary name first: whoever looks never sees half a file.
"$PYTHON" -I -S - "$out" "$work"/*.json <<'EOF'
import json, os, sys

out, *parts = sys.argv[1:]
results = [row for part in parts for row in json.load(open(part))["results"]]
with open(out + ".tmp", "w") as file:
    json.dump({"results": results}, file, indent=1)
os.rename(out + ".tmp", out)
EOF
