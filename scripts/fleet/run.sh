#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh INVENTORY [ANSIBLE-OPTION…]: measures every host of an Ansible inventory at the same time
# and makes one page of what came back (README.md here). INVENTORY is a file, or hosts with commas.
# The last lines say of every host where its results are, or why there are none.
#
# Exit status: 0 all hosts came back, 1 one did not, 2 bad inventory, 3 something is not installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
cd "$OLDPWD"

die() { # STATUS MESSAGE
	printf 'fleet: %s\n' "$2" >&2
	exit "$1"
}

# What the user's ansible.cfg says of hosts, keys and users stays in force: it is not replaced.
export LC_ALL=C.UTF-8
export ANSIBLE_FORKS=${ANSIBLE_FORKS:-100} ANSIBLE_PIPELINING=${ANSIBLE_PIPELINING:-True}
export ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_DISPLAY_SKIPPED_HOSTS=False
export ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=True ANSIBLE_RETRY_FILES_ENABLED=False
export ANSIBLE_PYTHON_INTERPRETER=${ANSIBLE_PYTHON_INTERPRETER:-auto_silent}

inventory=${1:-}
[ -n "$inventory" ] || die 2 "which hosts? make fleet INVENTORY=FILE (scripts/fleet/example.ini is one)"
shift
[[ -r $inventory || $inventory == *,* ]] || die 2 "inventory '$inventory' cannot be read"
command -v ansible-playbook >/dev/null ||
	die 3 "ansible-playbook is missing: apt-get install ansible-core"
[ -x "$root/.venv/bin/python" ] || die 3 ".venv, which makes the page, is missing: make setup"

playbook=(ansible-playbook -i "$inventory" "$root/scripts/fleet/fleet.yml")
listed=$("${playbook[@]}" "$@" --list-hosts 2>&1) ||
	die 2 "inventory '$inventory': $(grep -m1 -E '^ERROR|error:' <<<"$listed" | cut -c1-300)"
grep -qE 'hosts \([1-9]' <<<"$listed" || die 2 "inventory '$inventory' names no host"

out=results/fleet-$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p "$root/$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"; rmdir "$root/$out" 2>/dev/null || :' EXIT

status=0
"${playbook[@]}" "$@" -e "fleet_root='$root'" -e "fleet_out='$out'" -e "fleet_scratch='$scratch'" ||
	status=1
[ -e "$root/$out/hosts.txt" ] || die 1 "Ansible ended before any host was asked"
cat "$root/$out/hosts.txt"
exit $status
