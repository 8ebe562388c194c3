#!/bin/bash
# SPDX-License-Identifier: MIT
# embed.sh NAME=FILE…: assembler text, on stdout, of a program that has these files inside: the table
# sm_bundle of harness/driver/bundle.h. Programs among them stay programs.
set -euo pipefail

n=0
table=
declare -A known # a file that has two names is inside once
for pair; do
	file=${pair#*=}
	mode=0644
	[ ! -x "$file" ] || mode=0755
	printf '%s\n' ".section .rodata.bundle,\"a\"" "name$n: .asciz \"${pair%%=*}\""
	[ -n "${known[$file]:-}" ] || printf '%s\n' ".balign 16" "data$n: .incbin \"$file\"" "end$n:"
	known[$file]=${known[$file]:-$n}
	table+=".quad name$n, data${known[$file]}, end${known[$file]} - data${known[$file]}, $mode"$'\n'
	n=$((n + 1))
done
# Addresses, which a program that may be loaded anywhere fills in when it starts.
printf '%s\n' '.section .data.rel.ro,"aw"' ".balign 8" ".globl sm_bundle" \
	".type sm_bundle, %object" "sm_bundle:" "$table.quad 0, 0, 0, 0" \
	".size sm_bundle, . - sm_bundle" '.section .note.GNU-stack,"",%progbits'
