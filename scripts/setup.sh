#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Installs what is missing: Debian packages (packages.txt) and .venv (requirements.txt). Says
# first what and how many megabytes. A second run finds nothing missing and changes nothing.
#
#   PROFILE=bench   only what building and measuring need, not the tools of the tests
#   PROFILE=kernel  only what `PROFILE=kernel make` needs: no Python, no C++
#   PROFILE=kernels what bench has, and what `make kernels` needs: QEMU, cpio, the cross compiler
#   PYTHON=PATH     the interpreter .venv is made from (default: the distribution's)
#
# Exit status: 0 done, 2 bad usage, 3 this machine cannot do it (the line says what to do).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VENV=.venv STAMP=.venv/spawnmark-setup LOG=build/setup.log
readonly PYTHON=${PYTHON:-/usr/bin/python3} PROFILE=${PROFILE:-all}
readonly REQUIREMENTS=scripts/requirements.txt PACKAGES=scripts/packages.txt

say() { printf 'setup: %s\n' "$*"; }
die() { # STATUS MESSAGE
	printf 'setup: %s\n' "$2" >&2
	exit "$1"
}

# The line of the log that tells most. pip calls an index that it cannot reach a missing version
# ("from versions: none"); its warnings before that say why.
reason() { # LOG
	{ grep -m1 -oE 'connection broken by.*' "$1" || grep -m1 -E '^(E: |ERROR|error:)' "$1" ||
		tail -n1 "$1"; } | cut -c1-300
}

# What is made under sudo belongs to whoever called it.
give_back() { # PATH…
	[ -z "${SUDO_UID:-}" ] || [ "$(id -u)" != 0 ] || chown -R "$SUDO_UID:${SUDO_GID:-0}" "$@"
}

wanted_packages() {
	local profiles=$PROFILE
	case $PROFILE in
	all) profiles='kernel bench test' ;;
	bench) profiles='kernel bench' ;;
	kernels) profiles='kernel bench kernels' ;;
	esac
	awk -v profiles=" $profiles " '!/^#/ && NF && index(profiles, " " $2 " ") { print $1 }' $PACKAGES
}

missing_packages() {
	local wanted
	wanted=$(wanted_packages)
	# An unknown name is no error here: it prints nothing, hence counts as missing.
	# shellcheck disable=SC2086
	{ dpkg-query -W -f='${binary:Package} ${db:Status-Status}\n' $wanted 2>/dev/null || true; } |
		awk '$2 == "installed" { sub(/:.*/, "", $1); print $1 }' |
		sort -u | comm -13 - <(sort -u <<<"$wanted") | xargs
}

can_be_root() {
	[ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && {
		sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }
	}; }
}

apt() {
	local -a as_root=()
	[ "$(id -u)" = 0 ] || as_root=(sudo)
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y \
		-o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
		-o Dpkg::Options::=--force-confold "$@" </dev/null
}

# "Need to get 61 MB …" and "After this operation, 240 MB …", as apt says them before it asks.
apt_sizes() { # PACKAGE…
	LC_ALL=C apt-get install --no-install-recommends --assume-no -o Debug::NoLocking=1 "$@" \
		2>/dev/null </dev/null | awk '
		/newly installed/ { count = $3 }
		/^Need to get/    { sub(/^Need to get /, ""); sub(/ of archives.*/, "")
				    sub(/.*\//, ""); get = $0 }
		/^After this/     { sub(/^After this operation, /, ""); sub(/ of additional.*/, "")
				    disk = $0 }
		END { if (get) printf "%d packages with what they need: %s to download, %s on disk",
			      count, get, disk
		      else printf "size not known" }' || true
}

install_packages() { # PACKAGE…
	local began=$SECONDS
	say "Debian packages missing: $*"
	if ! command -v apt-get >/dev/null; then
		die 3 "no apt-get here: install the equivalents of these packages by hand"
	fi
	if ! can_be_root; then
		die 3 "needs root; run as root: apt-get update && apt-get install -y --no-install-recommends $*"
	fi
	say "apt-get update"
	apt update >"$LOG" 2>&1 || say "apt-get update: $(reason "$LOG") (going on with old lists)"
	say "apt-get install: $(apt_sizes "$@")"
	apt install --no-install-recommends "$@" >"$LOG" 2>&1 ||
		die 3 "apt-get install failed: $(reason "$LOG"): check network and sources, then run \
'make setup' again (whole log: $LOG)"
	[ -z "$(missing_packages)" ] || die 3 "apt-get installed all but: $(missing_packages)"
	say "Debian packages installed in $((SECONDS - began)) s"
}

# What .venv must have been made from, in two lines. Fails if PYTHON cannot carry it.
venv_identity() {
	local python
	command -v "$PYTHON" >/dev/null ||
		die 3 "PYTHON=$PYTHON is no program: give the path of a CPython 3.11 to 3.14"
	python=$("$PYTHON" -I - 2>/dev/null <<-'EOF'
		import os, platform, sys
		if platform.python_implementation() == "CPython" and (3, 11) <= sys.version_info[:2] <= (3, 14):
		    print("CPython", platform.python_version(), platform.machine(), os.path.realpath(sys.executable))
	EOF
	) || true
	[[ $python == CPython* ]] ||
		die 3 "PYTHON=$PYTHON is not a CPython 3.11 to 3.14: choose another one"
	printf '%s\n' "$python" "$(sha256sum <$REQUIREMENTS)"
}

# The stamp is written last, so an interrupted install has none; the versions are looked at as
# well, because pip in the hands of the user knows nothing of the stamp.
venv_is_good() { # IDENTITY
	[ "$(cat $STAMP 2>/dev/null)" = "$1" ] && $VENV/bin/python -I - $REQUIREMENTS <<-'EOF'
		import importlib.metadata as metadata, re, sys
		for name, version in re.findall(r"^([\w-]+)==(\S+)", open(sys.argv[1]).read(), re.M):
		    if metadata.version(name) != version:
		        sys.exit(1)
	EOF
}

requirement_size() { # download | on disk
	sed -n "s/^# $1: //p" $REQUIREMENTS
}

build_venv() { # IDENTITY
	local began=$SECONDS action=making
	[ ! -e $VENV ] || action="making anew (other interpreter or requirements)"
	say "$VENV: $action from $PYTHON: $(grep -c == $REQUIREMENTS) packages," \
		"$(requirement_size download) to download, $(requirement_size 'on disk') on disk"
	rm -rf $VENV
	"$PYTHON" -I -m venv $VENV >"$LOG" 2>&1 ||
		die 3 "$PYTHON -m venv failed: $(reason "$LOG"): it needs the modules venv and \
ensurepip (Debian: python3-venv)"
	# --no-deps: the list is complete, `pip check` proves it.
	if ! {
		PIP_USER=0 $VENV/bin/python -I -m pip install --disable-pip-version-check --no-input \
			--require-hashes --only-binary=:all: --no-deps -r $REQUIREMENTS &&
			$VENV/bin/python -I -m pip check
	} >"$LOG" 2>&1; then
		die 3 "pip failed: $(reason "$LOG"): check network, proxy and pip's index, then run \
'make setup' again (whole log: $LOG)"
	fi
	printf '%s\n' "$1" >$STAMP
	give_back $VENV
	say "$VENV made in $((SECONDS - began)) s"
}

main() {
	local packages identity changed=
	case $PROFILE in
	all | bench | kernel | kernels) ;;
	*) die 2 "PROFILE=$PROFILE: expected all, bench, kernel or kernels" ;;
	esac
	mkdir -p build
	: >>$LOG
	give_back build $LOG

	packages=$(missing_packages)
	if [ -n "$packages" ]; then
		# shellcheck disable=SC2086
		install_packages $packages
		changed=yes
	fi
	if [ "$PROFILE" = kernel ]; then
		[ -n "$changed" ] || say "nothing to install: $(wanted_packages | wc -l) Debian packages are there"
		return 0
	fi
	identity=$(venv_identity)
	if ! venv_is_good "$identity" 2>/dev/null; then
		build_venv "$identity"
		changed=yes
	fi
	[ -n "$changed" ] ||
		say "nothing to install: $(wanted_packages | wc -l) Debian packages and $VENV are there"
}

main "$@"
