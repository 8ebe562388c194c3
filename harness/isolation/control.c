/* SPDX-License-Identifier: MIT */
/*
 * control.c - the positive control inside of a run: the scanner looks at home first.
 *
 * What it does not find where it was planted, it cannot be believed not to have found elsewhere.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "scan.h"

/* What speaks against this one; "" when it was found. */
static void tell(const struct sm_scan *s, uint32_t i, char why[SM_CONTROL_WHY])
{
	static const char not_found[] = "the scanner did not find it at home";
	char blind[SM_CONTROL_WHY - sizeof(not_found) - 1];

	if (s->hit[i].times)
		why[0] = '\0';
	else if (sm_scan_blind(s, (int)s->sought[i].in_descriptor, blind, sizeof(blind)))
		snprintf(why, SM_CONTROL_WHY, "%s: %s", not_found, blind);
	else
		snprintf(why, SM_CONTROL_WHY, "%s", not_found);
}

int sm_control(const struct sm_attack *a, char why[][SM_CONTROL_WHY])
{
	struct sm_scan *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		return -errno;
	sm_scan_init(s, &a->mask, a->sought, a->nsought, a->timeout_ms);
	sm_scan_memory(s);
	sm_scan_descriptors(s);
	for (uint32_t i = 0; i < s->n; i++)
		tell(s, i, why[i]);
	/* Its buffer has held canaries: no child may find them there. */
	munmap(s, sizeof(*s));
	return 0;
}
