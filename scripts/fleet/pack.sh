#!/bin/bash
# SPDX-License-Identifier: MIT
#
# pack.sh SOURCE ARCHIVE [PATH…]: the source as a tar archive. SOURCE is a commit, or `worktree`: what
# lies here now, new files included, but for what git ignores. Each PATH goes along, ignored or not.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ -e .git ] || {
	echo "pack: no git checkout: clone it, or send a static program (spawnmark_static)" >&2
	exit 3
}
source=$1 archive=$(realpath "$2")
shift 2

if [ "$source" = worktree ]; then
	commit=$(git rev-parse HEAD)
	# An index of its own: the user's stays as it is.
	export GIT_INDEX_FILE=$archive.index
	git add -A
	tree=$(git write-tree)
else
	commit=$(git rev-parse --verify -q "$source^{commit}") || {
		echo "pack: git knows no commit '$source'" >&2
		exit 2
	}
	tree=$commit
fi
git archive --format=tar -o "$archive" "$tree"

# What run.json calls the commit is read from here.
mkdir -p "$archive.git/.git"
echo "$commit" >"$archive.git/.git/HEAD"
tar -rf "$archive" -C "$archive.git" .git
[ $# = 0 ] || tar -rf "$archive" -- "$@"
