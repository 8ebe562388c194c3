#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test-links.sh LIBRARY: fails unless the library needs libc alone (and the loader, which is part
# of it), because it is loaded into every payload and must bring nothing along.
set -euo pipefail

needed=$(readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
more=$(grep -vE '^(libc\.so\.|ld-linux)' <<<"$needed" || true)
[ -n "$needed" ] || {
	echo "$1: readelf shows no needed library at all: not even libc" >&2
	exit 1
}
[ -z "$more" ] || {
	echo "$1 needs more than libc: ${more//$'\n'/ }" >&2
	exit 1
}
echo "$1 needs: ${needed//$'\n'/ }"
