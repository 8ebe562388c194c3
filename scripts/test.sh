#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test.sh [-v] [--only REGEX] [TESTPROGRAM…]: every test. Each step is one command under a time
# limit, as many at once as the CPUs carry; its output is shown only when it fails, with the command
# that repeats it. The last line is always the plain count: "N passed, N failed", with ", N skipped"
# where a tool is missing. B/test-log has each step's output, and in `times` what it took.
#
#   B=DIR      where the programs are built (default build); B/san holds the sanitised ones
#   JOBS=N     of so many CPUs (default: all)
#   -v         show the output of every step
#   --only R   only the steps whose name matches the extended regular expression R
#
# Exit status: 0 when nothing failed and something passed, else 1; 2 bad usage.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

unset MAKEFLAGS MAKELEVEL # of a `make test` around this: its job server is not ours
export B=${B:-build} NO_COLOR=1 LC_ALL=C.UTF-8
readonly CPUS=${JOBS:-$(nproc)}
only=. verbose=
programs=()
passed=0 failed=0 skipped=0
again= # what failed, once more at the end

# The rows of the table, and when each began; of those that run, by process.
names=() kinds=() limits=() tools=() commands=() halves=() began=()
declare -A row_of=()

# Not under valgrind, but sanitised: tests that start children by raw clone or vfork, which its own
# scheduler does not carry; that fill the descriptor table, of which it keeps a part; and that
# storm with signals, under which it gets nowhere.
readonly NO_VALGRIND='^test_(arrive|attr|attr_fds|berth|born|boxed|check|child|conform|fd|features|frame|frame_foe|hatch|host|isolation|open|pool|proc|recycle|run|sandbox|scan|servers|strategies|sys)$'

# Halves of a CPU that a step keeps busy. The suite waits as much as it works; what runs as many at
# once as is good for it has the machine alone.
halves_of() { # NAME
	case $1 in
	build | mutants) echo $((2 * CPUS)) ;;
	conform-* | san/conform*) echo 1 ;;
	*) echo 2 ;;
	esac
}

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
# They begin in this order: what is soon done, what has the machine alone, then the longest first.
steps() {
	local program name lint way
	echo "build|status|900|make|make -k -j\$JOBS B=$B all tests"
	for program in "${programs[@]}"; do
		echo "${program##*/}|cmocka|180||$program"
	done
	echo "mutants|pytest|1800|.venv/bin/python|.venv/bin/python scripts/mutants.py"
	echo "python|pytest|900|.venv/bin/python|.venv/bin/python -m pytest -q scripts/test" \
		"--ignore-glob 'scripts/test/test_*_real.py'"
	echo "conform-plain|ktap|900||scripts/test-conform.sh plain"
	for way in user contained; do
		echo "conform-$way|ktap|600||scripts/test-conform.sh $way"
	done
	echo "san/build|status|900|make|make -k -j\$JOBS B=$B/san PLAIN=$B CFLAGS='-O1 -g -Wno-format-truncation'" \
		"SAN=address,undefined all tests"
	# Not the groups whose questions a sanitizer's own handlers, stacks and shadow memory answer. Its
	# memory grows with each posix_spawn(3), of which life.many.memory is therefore not asked.
	echo "san/conform|ktap|900||B=$B/san scripts/test-conform.sh plain" \
		"--only '^((identity|exit|fd|protocol|sandbox)[.]|life[.]([^m]|many[.][^m]))'"
	echo "san/conform-memory|ktap|300||B=$B/san scripts/test-conform.sh plain" \
		"--only '^life[.]many[.]memory$' --strategy" \
		"\$($B/spawnmark list strategies | awk '!/METER/ && !/^posix_spawn / {print \$1}' | paste -sd,)"
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

# What tells why: of each test its name, the assertion and what it shows, its first and last lines.
short_pytest() { # LOG
	awk '
		function shown(i) {
			for (i = 1; i <= n; i++) {
				if (i <= 12 || i > n - 8)
					print said[i]
				else if (i == 13)
					print "E   […]"
			}
			n = 0
		}
		/^_+ [^_ ].* _+$/ { shown(); print }
		/^E( |$)/ { said[++n] = $0 }
		/^[^ ]+:[0-9]+: / { shown(); print }
		/^(FAIL|ERROR) / { shown(); print; fault = 1; next } # of the mutants; of no test
		fault && /^     / { print; next }
		{ fault = 0 }
		END { shown() }' "$1"
}

short_cmocka() { # LOG
	grep -aE '^\[ +(ERROR|LINE|FAILED) +\]|: error: |ERROR: |^ *#[0-4] |^==[0-9]+== ' "$1"
}

short_ktap() { # LOG
	awk '
		/^ *(not )?ok / { bad = /^ *not ok/ && !/# XFAIL/ }
		bad && !/^ +# source/' "$1"
}

short_status() { # LOG
	grep -aE '(error|warning|FAILED): |undefined reference|\*\*\*' "$1"
}

in_short() { # KIND LOG
	local lines
	lines=$("short_$1" "$2" | head -n 60)
	if [ -n "$lines" ]; then
		printf '%s\n' "$lines" && tail -n 1 "$2"
	else
		tail -n 12 "$2"
	fi | cut -c1-300
}

log_of() { # NAME
	echo "$B/test-log/${1//\//-}.log"
}

# What it says goes to the log; what it takes, beside it. `timeout` makes a group of its processes.
begin() { # ROW
	local log tmp=$TMPDIR/$1
	log=$(log_of "${names[$1]}")
	mkdir -p "$tmp"
	TMPDIR=$tmp JOBS=$jobs timeout -k 5 "${limits[$1]}" bash -c \
		"${commands[$1]}"$'\nstatus=$?; times >"$0"; exit $status' "$log.times" \
		>"$log" 2>&1 </dev/null &
	row_of[$!]=$1 began[$1]=$SECONDS
}

# Waits until one of those that run has ended, and tells what became of it.
finish() {
	local pid status=0 row
	wait -n -p pid "${!row_of[@]}" || status=$?
	[ -n "${pid:-}" ] || return
	row=${row_of[$pid]}
	unset "row_of[$pid]"
	free=$((free + halves[row]))
	rm -rf "${TMPDIR:?}/$row"
	tell "$row" "$status" $((SECONDS - began[row]))
}

# Nobody is left behind by whoever presses ^C. A group of its own does not hear that itself.
stop() {
	trap '' INT TERM
	[ ${#row_of[@]} = 0 ] || kill "${!row_of[@]}" 2>/dev/null
	wait
	rm -rf "$TMPDIR"
	exit 130
}

tell() { # ROW STATUS SECONDS
	local name=${names[$1]} kind=${kinds[$1]} log status=$2 took=$3 p f s
	log=$(log_of "$name")
	awk -v name="$name" -v took="$took" 'FNR == 2 { gsub(/[ms]/, " "); $0 = $0
		printf "%-28s %4d s, CPU %.1f user %.1f sys\n", name, took, $1 * 60 + $2, $3 * 60 + $4
	}' "$log.times" 2>/dev/null >>"$B/test-log/times"
	rm -f "$log.times"
	read -r p f s < <("count_$kind" "$log" "$status")
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" = 0 ]; then
		printf 'ok   %-28s %4d passed%s, %d s\n' "$name" "$p" \
			"$([ "$s" = 0 ] || echo ", $s skipped")" "$took"
		[ -z "$verbose" ] || sed 's/^/     | /' "$log"
		return
	fi
	printf 'FAIL %-28s %4d failed: %s\n' "$name" "$f" "$(explain "$status" "${limits[$1]}")"
	tail -n 60 "$log" | sed 's/^/     | /'
	printf '     repeat: %s\n' "${commands[$1]}"
	again+=$(printf 'FAIL %s\n' "$name" && in_short "$kind" "$log" | sed 's/^/     | /')$'\n'
}

# May it begin? Not before what it needs is built.
fits() { # ROW
	local other
	[ "${halves[$1]}" -le "$free" ] || return
	[[ ${names[$1]} == san/* && ${names[$1]} != san/build ]] || return 0
	for other in "${!waiting[@]}" "${row_of[@]}"; do
		[ "${names[other]}" != san/build ] || return
	done
}

start() { # ROW
	local tool=${tools[$1]} jobs=$jobs
	if [ -n "$tool" ] && ! command -v "$tool" >/dev/null; then
		printf 'skip %-28s %s is missing: make setup\n' "${names[$1]}" "$tool"
		skipped=$((skipped + 1))
		return
	fi
	[ "${halves[$1]}" -lt $((2 * CPUS)) ] || jobs=$CPUS
	free=$((free - halves[$1]))
	begin "$1"
}

# Whoever comes first in the table and fits; but nobody overtakes one that waits for all CPUs.
run_rows() {
	local row free=$((2 * CPUS)) jobs=1
	local -A waiting=()
	for row in "${!names[@]}"; do
		halves[row]=$(halves_of "${names[row]}")
		waiting[$row]=yes
	done
	[ ${#names[@]} -gt 1 ] || jobs=$CPUS
	while [ ${#waiting[@]} != 0 ] || [ ${#row_of[@]} != 0 ]; do
		for row in "${!names[@]}"; do
			[ -n "${waiting[$row]:-}" ] || continue
			if fits "$row"; then
				unset "waiting[$row]"
				start "$row"
			elif [ "${halves[row]}" = $((2 * CPUS)) ]; then
				break
			fi
		done
		[ ${#row_of[@]} = 0 ] || finish
	done
}

usage() {
	echo "usage: $0 [-v] [--only REGEX] [TESTPROGRAM…]" >&2
	exit 2
}

main() {
	local source name kind limit tool command
	while [ $# -gt 0 ]; do
		case $1 in
		-v) verbose=yes ;;
		--only) [ -n "${2:-}" ] || usage && only=$2 && shift ;;
		-*) usage ;;
		*) programs+=("$1") ;;
		esac
		shift
	done
	if [ ${#programs[@]} = 0 ]; then
		for source in harness/test/test_*.c; do
			source=${source##*/}
			programs+=("$B/test/${source%.c}")
		done
	fi
	mkdir -p "$B/test-log" "$B/tmp"
	: >"$B/test-log/times"
	TMPDIR=$(cd "$B/tmp" && pwd)
	export TMPDIR

	while IFS='|' read -r name kind limit tool command; do
		[[ $name =~ $only ]] || continue
		names+=("$name") kinds+=("$kind") limits+=("$limit") tools+=("$tool")
		commands+=("$command")
	done < <(steps)
	trap stop INT TERM
	run_rows
	trap - INT TERM
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
