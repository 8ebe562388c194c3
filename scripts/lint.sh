#!/bin/bash
# SPDX-License-Identifier: MIT
#
# lint.sh [STEP…]: looks at the sources without running them; without a step, all of them.
# Exit status: 0 clean, 1 something was found, 2 no such step, 3 the step's tool is missing.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

readonly BUILD=${B:-build} JOBS=${JOBS:-$(nproc)}
readonly WARN=(-Wall -Wextra -Wshadow -Werror)
readonly C=(-std=gnu11 -D_GNU_SOURCE -Iharness) CXX=(-std=c++17 -D_GNU_SOURCE -Iharness)
export BUILD

# One row a step: name, the tool it needs, what it asserts.
readonly STEPS='
format    clang-format  C files have the format of .clang-format
tidy      clang-tidy    clang-tidy finds nothing (.clang-tidy says what it looks for)
cppcheck  cppcheck      cppcheck finds nothing
shell     shellcheck    shellcheck finds nothing in shell scripts
headers   cc            every header compiles alone; the public ones as C++ too
layers    grep          dependencies point one way
sizes     awk           no C file has more than 400 lines (tests: 700)
'

# Paths without blanks, so plain word splitting is good enough below.
sources() { # GLOB…
	local glob
	for glob; do
		find harness bench scenarios -name "$glob"
	done | LC_ALL=C sort
}

step_format() {
	sources '*.c' '*.h' '*.cc' | xargs -r clang-format --dry-run --Werror
}

# A file whose preprocessed text, comments included, passed before is not looked at again.
tidy_one() { # FILE
	local out key std=("${C[@]}") checks=
	# google-benchmark registers what it allocates; the analyzer takes that for a leak.
	[[ $1 != *.cc ]] || std=("${CXX[@]}") checks='-clang-analyzer-*'
	key=$({ cc -E -C -dD "${std[@]}" "$1" && cat .clang-tidy && clang-tidy --version; } |
		sha256sum | cut -c1-32) || return
	[ ! -e "$BUILD/tidy/$key" ] || return 0
	if ! out=$(timeout 300 clang-tidy --quiet --checks="$checks" "$1" -- "${std[@]}" 2>&1); then
		printf '%s\n' "$out" | grep -v 'warnings generated\|treated as error'
		return 1
	fi
	: >"$BUILD/tidy/$key"
}

step_tidy() {
	mkdir -p "$BUILD/tidy"
	sources '*.c' '*.cc' | xargs -r -P "$JOBS" -n 1 "$0" --tidy-one
}

step_cppcheck() {
	mkdir -p "$BUILD/cppcheck"
	# shellcheck disable=SC2046
	cppcheck --quiet --enable=warning,performance,portability --inline-suppr --std=c11 \
		--error-exitcode=1 --cppcheck-build-dir="$BUILD/cppcheck" -j "$JOBS" \
		-D_GNU_SOURCE "-D__$(uname -m)__" -Iharness $(sources '*.c')
}

step_shell() {
	{
		echo .ci/run
		find scripts bench results -name '*.sh'
	} | xargs shellcheck -x
}

step_headers() {
	local header bad=0
	for header in $(sources '*.h'); do
		cc "${C[@]}" "${WARN[@]}" -fsyntax-only -include "$header" -x c /dev/null || bad=1
	done
	for header in harness/spawnmark.h harness/record.h; do
		c++ "${CXX[@]}" "${WARN[@]}" -fsyntax-only -include "$header" -x c++ /dev/null || bad=1
	done
	return $bad
}

# The library knows nothing of the driver, and what lies below knows nothing of what lies above.
step_layers() {
	local bad=0 rule from above
	for rule in sys:'wire|child|strategies|isolation|host|features|driver' \
		wire:'child|strategies|isolation|host|features|driver' \
		features:'wire|child|strategies|isolation|host|check|payloads|driver' \
		'child strategies isolation host':driver driver:bench; do
		from=${rule%%:*} above=${rule#*:}
		# shellcheck disable=SC2086
		! (cd harness && grep -nrE "^#include \"(.*/)?($above)/" $from --include='*.[ch]') || {
			echo "above: $from must not include from $above" >&2
			bad=1
		}
	done
	return $bad
}

step_sizes() {
	sources '*.c' '*.h' '*.cc' | xargs -r awk '
		{ lines[FILENAME] = FNR }
		END {
			for (file in lines) {
				most = file ~ /\/test\// ? 700 : 400
				if (lines[file] > most) {
					print file ": " lines[file] " lines, at most " most
					bad = 1
				}
			}
			exit bad
		}'
}

run_step() { # NAME TOOL CLAIM
	local status=0
	command -v "$2" >/dev/null || {
		echo "lint: $1: $2 is missing: make setup" >&2
		return 3
	}
	"step_$1" || status=1
	if [ $status = 0 ]; then
		printf 'lint: %-8s ok: %s\n' "$1" "$3"
	else
		printf 'lint: %-8s FAILED: expected: %s\n' "$1" "$3" >&2
	fi
	return $status
}

main() {
	local name tool claim wanted=" $* " worst=0 status known=" "
	while read -r name tool claim; do
		[ -n "$name" ] || continue
		known+="$name "
		[ $# = 0 ] || [[ $wanted == *" $name "* ]] || continue
		run_step "$name" "$tool" "$claim" </dev/null
		status=$?
		[ $status -le $worst ] || worst=$status
	done <<<"$STEPS"
	for name; do
		[[ $known == *" $name "* ]] || {
			echo "lint: no step '$name'; there are:$known" >&2
			return 2
		}
	done
	return $worst
}

if [ "${1:-}" = --tidy-one ]; then
	tidy_one "$2"
else
	main "$@"
fi
