#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test.sh [-v] [--only REGEX] [TESTPROGRAM…]: every test. Each step is one command under a time
# limit; its output is shown only when it fails, with the command that repeats it. The last line
# is always the plain count: "N passed, N failed", with ", N skipped" where a tool is missing.
#
#   B=DIR      where the programs are built (default build); B/san holds the sanitised ones
#   -v         show the output of every step
#   --only R   only the steps whose name matches the extended regular expression R
#
# Exit status: 0 when nothing failed and something passed, else 1; 2 bad usage.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

unset MAKEFLAGS MAKELEVEL # of a `make test` around this: its job server is not ours
export B=${B:-build} NO_COLOR=1 LC_ALL=C.UTF-8
JOBS=$(nproc)
only=. verbose=
programs=()
passed=0 failed=0 skipped=0
again= # what failed, once more at the end

# Not under valgrind, but sanitised: tests that start children by raw clone or vfork, which its own
# scheduler does not carry; that fill the descriptor table, of which it keeps a part; and that
# storm with signals, under which it gets nowhere.
readonly NO_VALGRIND='^test_(arrive|attr|attr_fds|berth|born|boxed|check|child|conform|fd|features|frame|frame_foe|hatch|host|isolation|open|pool|recycle|run|sandbox|scan|servers|strategies|sys)$'

# The suite waits more than it works: one CPU is free. What needs one and minds no company has it.
readonly LEAVES_ROOM='^(conform-|san/(build|conform))' BESIDE='^(python|lint-tidy)$'

# How the sanitisers run in a test; harness/test/sanitizer.c has the defaults of what it starts.
san_options() { # TEST
	local returned=1
	# Looks at the stack as it lies in memory, which is not where this check keeps variables.
	[ "$1" != test_scan ] || returned=0
	echo "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=$returned" \
		"UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1"
}

# The table of steps: name | kind | seconds | tool or file it needs | command.
# A kind says how the output is counted: cmocka, pytest, or status (the exit status, as one test).
steps() {
	local program name lint way
	echo "build|status|900|make|make -k -j$JOBS B=$B all tests"
	for program in "${programs[@]}"; do
		echo "${program##*/}|cmocka|180||$program"
	done
	echo "conform-plain|ktap|900||scripts/test-conform.sh plain"
	for way in user contained; do
		echo "conform-$way|ktap|600||scripts/test-conform.sh $way"
	done
	echo "san/build|status|900|make|make -k -j$JOBS B=$B/san SAN=address,undefined all tests"
	# Not the groups whose questions a sanitizer's own handlers, stacks and shadow memory answer. Its
	# memory grows with each posix_spawn(3), of which life.many.memory is therefore not asked.
	echo "san/conform|ktap|900||B=$B/san scripts/test-conform.sh plain" \
		"--only '^((identity|exit|fd|protocol|sandbox)[.]|life[.]([^m]|many[.][^m]))'"
	echo "san/conform-memory|ktap|300||B=$B/san scripts/test-conform.sh plain" \
		"--only '^life[.]many[.]memory$' --strategy" \
		"\$($B/spawnmark list strategies | awk '!/METER/ && !/^posix_spawn / {print \$1}' | paste -sd,)"
	echo "mutants|pytest|1800|.venv/bin/python|.venv/bin/python scripts/mutants.py"
	echo "python|pytest|900|.venv/bin/python|.venv/bin/python -m pytest -q scripts/test" \
		"--ignore-glob 'scripts/test/test_*_real.py'"
	echo "kernels|pytest|1200|.venv/bin/python|.venv/bin/python -m pytest -q -rs" \
		"scripts/test/test_*_real.py"
	echo "links|status|10|readelf|scripts/test-links.sh $B/libspawnmark.so"
	for lint in format:clang-format tidy:clang-tidy cppcheck:cppcheck shell:shellcheck \
		headers:cc layers:grep sizes:awk; do
		echo "lint-${lint%:*}|status|900|${lint#*:}|scripts/lint.sh ${lint%:*}"
	done
	for program in "${programs[@]}"; do
		name=${program##*/}
		echo "san/$name|cmocka|300||$(san_options "$name") $B/san/test/$name"
	done
	for program in "${programs[@]}"; do
		name=${program##*/}
		[[ $name =~ $NO_VALGRIND ]] || echo "valgrind/$name|cmocka|300|valgrind|valgrind -q" \
			"--error-exitcode=9 --leak-check=full --trace-children=no $program"
	done
}

# Print "passed failed skipped". Of a cmocka program's log. What was announced and did not end
# well (a crash in the middle, say) counts as failed; so does a program that announced nothing.
count_cmocka() { # LOG STATUS
	awk -v status="$2" '
		/^\[==========\].*Running [0-9]+ test/ {
			sub(/.*Running /, ""); total += $1; running = 1
		}
		/^\[==========\].*test\(s\) run/ { running = 0 } # what follows is said twice
		/^\[       OK \] / && running { ok++ }
		/^\[  SKIPPED \] / && running { skipped++ }
		END {
			failed = total - ok - skipped
			if (failed <= 0)
				failed = status != 0 || total == 0
			print ok + 0, failed, skipped + 0
		}' "$1"
}

# Of pytest, by its last line: "3 failed, 40 passed, 1 skipped in 2.1s".
count_pytest() { # LOG STATUS
	tail -n1 "$1" | awk -v status="$2" '
		{
			for (i = 2; i <= NF; i++) {
				if ($i ~ /^(failed|errors?),?$/) failed += $(i - 1)
				if ($i ~ /^passed,?$/) passed = $(i - 1)
				if ($i ~ /^(skipped|xfailed),?$/) skipped += $(i - 1)
			}
			if (!failed)
				failed = status != 0 || !passed
			print passed + 0, failed + 0, skipped + 0
		}'
}

# Of KTAP: every cell that was asked is a test; those that do not apply are none.
count_ktap() { # LOG STATUS
	awk -v status="$2" '
		/^ *(not )?ok [0-9]+ .*# SKIP n\/a/ { next }
		/^ +ok [0-9]+ .*# SKIP/ { skipped++; next }
		/^ +ok [0-9]+ / { ok++ }
		/^ *not ok [0-9]+ / && !/# XFAIL/ { failed += /^ / || /left behind/ }
		END {
			if (!failed)
				failed = status != 0 || !ok
			print ok + 0, failed, skipped + 0
		}' "$1"
}

count_status() { # LOG STATUS
	[ "$2" = 0 ] && echo 1 0 0 || echo 0 1 0
}

explain() { # STATUS SECONDS
	case $1 in
	0) echo "exit status 0 without a full count" ;;
	124) echo "stopped after $2 s" ;;
	1[3-9][0-9]) echo "killed by SIG$(kill -l $(($1 - 128)))" ;;
	*) echo "exit status $1" ;;
	esac
}

log_of() { # NAME
	echo "$B/test-log/${1//\//-}.log"
}

# Its output goes to the log, status and seconds beside it.
execute() { # NAME KIND SECONDS NEEDS COMMAND
	local log status=0 began=$SECONDS
	log=$(log_of "$1")
	if [ -n "$4" ] && ! command -v "$4" >/dev/null; then
		echo "missing 0" >"$log.end"
		return
	fi
	timeout -k 5 "$3" bash -c "$5; exit \$?" >"$log" 2>&1 </dev/null || status=$?
	echo "$status $((SECONDS - began))" >"$log.end"
}

tell() { # NAME KIND SECONDS NEEDS COMMAND
	local name=$1 kind=$2 seconds=$3 needs=$4 command=$5 log status took p f s
	log=$(log_of "$name")
	read -r status took <"$log.end"
	if [ "$status" = missing ]; then
		printf 'skip %-28s %s is missing: make setup\n' "$name" "$needs"
		skipped=$((skipped + 1))
		return
	fi
	read -r p f s < <("count_$kind" "$log" "$status")
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" = 0 ]; then
		printf 'ok   %-28s %4d passed%s, %d s\n' "$name" "$p" \
			"$([ "$s" = 0 ] || echo ", $s skipped")" "$took"
		[ -z "$verbose" ] || sed 's/^/     | /' "$log"
	else
		printf 'FAIL %-28s %4d failed: %s\n' "$name" "$f" "$(explain "$status" "$seconds")"
		tail -n 60 "$log" | sed 's/^/     | /'
		printf '     repeat: %s\n' "$command"
		again+=$(printf 'FAIL %s\n' "$name" && tail -n 12 "$log" | cut -c1-300 | sed 's/^/     | /')$'\n'
	fi
}

# Those that may run beside, each after the other, while the machine is half idle.
beside=() beside_pid=

begin_beside() {
	local row fields
	beside_pid=none # once
	for row in "${rows[@]}"; do
		[[ ! ${row%%|*} =~ $BESIDE ]] || beside+=("$row")
	done
	[ ${#beside[@]} != 0 ] || return 0
	for row in "${beside[@]}"; do
		IFS='|' read -ra fields <<<"$row"
		JOBS=1 execute "${fields[0]}" "${fields[1]}" "${fields[2]}" "${fields[3]}" "${row#*|*|*|*|}"
	done &
	beside_pid=$!
}

# Waits for them, and tells what became of them.
settle() {
	local row fields
	[ ${#beside[@]} != 0 ] || return 0
	wait "$beside_pid"
	for row in "${beside[@]}"; do
		IFS='|' read -ra fields <<<"$row"
		tell "${fields[0]}" "${fields[1]}" "${fields[2]}" "${fields[3]}" "${row#*|*|*|*|}"
	done
	beside=()
}

run_row() { # ROW
	local name kind seconds needs command
	IFS='|' read -r name kind seconds needs command <<<"$1"
	if [[ $name =~ $LEAVES_ROOM ]]; then
		[ -n "$beside_pid" ] || begin_beside
	elif [[ -n $beside_pid && $name =~ $BESIDE ]]; then
		return # it was told
	else
		settle
	fi
	execute "$name" "$kind" "$seconds" "$needs" "$command"
	tell "$name" "$kind" "$seconds" "$needs" "$command"
}

main() {
	local source row
	local -a rows=()
	while [ $# -gt 0 ]; do
		case $1 in
		-v) verbose=yes ;;
		--only) only=${2:?$(usage)} && shift ;;
		-*) usage ;;
		*) programs+=("$1") ;;
		esac
		shift
	done
	if [ ${#programs[@]} = 0 ]; then
		for source in harness/test/test_*.c; do
			name=${source##*/}
			programs+=("$B/test/${name%.c}")
		done
	fi
	mkdir -p "$B/test-log" "$B/tmp"
	TMPDIR=$(cd "$B/tmp" && pwd)
	export TMPDIR

	while read -r row; do
		[[ ! ${row%%|*} =~ $only ]] || rows+=("$row")
	done < <(steps)
	for row in "${rows[@]}"; do
		run_row "$row"
	done
	settle
	rm -rf "$B/tmp"

	if [ $((passed + failed)) = 0 ]; then
		echo "FAIL nothing was run (--only $only)"
		failed=1
	fi
	[ -z "$again" ] || printf '\nWhat failed, in short:\n%s' "$again"
	printf '%d passed, %d failed' $passed $failed
	[ $skipped = 0 ] || printf ', %d skipped' $skipped
	echo
	[ $failed = 0 ]
}

main "$@"
