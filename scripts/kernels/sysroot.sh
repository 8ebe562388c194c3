#!/bin/bash
# SPDX-License-Identifier: MIT
# sysroot.sh [ARCH]: what a cross build for ARCH (default arm64) includes and links, and what its
# dynamic programs run with: Debian's packages and all that they depend on, unpacked into
# ${XDG_CACHE_HOME:-~/.cache}/spawnmark/sysroot-ARCH. Prints that folder. Nothing is installed: apt
# works on a root of its own, as an ordinary user, with this machine's sources and their keys (each
# file is checked against the signed index). The second call finds what the first one made.
set -euo pipefail

arch=${1:-arm64}
packages="libc6-dev libgcc-s1 libjansson-dev libinih-dev zlib1g-dev libseccomp-dev libcmocka-dev libgomp1 libssl3 dash"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/spawnmark
root=$cache/sysroot-$arch

say() { echo "sysroot.sh: $*" >&2; }
made() { [ "$(cat "$root/.packages" 2>/dev/null)" = "$packages" ]; }

if made; then
	echo "$root"
	exit 0
fi
for tool in apt-get dpkg-deb flock; do
	command -v "$tool" >/dev/null || {
		say "$tool is missing: a sysroot is made of Debian packages"
		exit 3
	}
done

mkdir -p "$cache"
exec 9>"$cache/sysroot-$arch.lock"
flock 9
if made; then # by another, meanwhile
	echo "$root"
	exit 0
fi

work=$(mktemp -d "$cache/sysroot-$arch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/state/lists/partial "$work"/cache/archives/partial "$work"/root
: >"$work/status"
# The hooks of this machine's configuration are for its own packages.
cat >"$work/apt.conf" <<CONF
Dir::State "$work/state";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
CONF

# The last words of what it runs are told only where it failed.
quietly() { # COMMAND…
	"$@" >"$work/log" 2>&1 9>&- || {
		tail -n 15 "$work/log" >&2
		say "failed: $*"
		exit 3
	}
}

say "fetching the $arch packages (once, some 12 MB): $packages"
quietly apt-get -c "$work/apt.conf" update
# shellcheck disable=SC2086 # a list
quietly apt-get -c "$work/apt.conf" install --download-only --yes $packages
for deb in "$work"/cache/archives/*.deb; do
	quietly dpkg-deb -x "$deb" "$work/root"
done
# A package may link its library by its full path, which here would lead to this machine's own.
find "$work/root" -type l -lname '/*' -printf '%p %l\n' | while read -r link target; do
	ln -sfnr "$work/root$target" "$link"
done
echo "$packages" >"$work/root/.packages"
rm -rf "$root"
mv "$work/root" "$root"
echo "$root"
