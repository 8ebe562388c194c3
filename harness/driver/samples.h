/* SPDX-License-Identifier: MIT */
/*
 * samples.h - every sample of a run, exact: samples.bin.gz.
 *
 * A gzip stream. Its first line is JSON and ends in a newline:
 *
 *   {"format": "spawnmark-samples/1", "rows": N, "row_bytes": 144,
 *    "fields": [["case", "<u4"], ["block", "<u4"], ["point", "<u4"], ["order", "<u4"],
 *               ["intended_ns", "<i8"], …], "cases": ["startup/zygote/python", …]}
 *
 * Behind it N rows, packed, little-endian, whose fields and types (NumPy's names) are those of the
 * line, in that order: four of ours, then struct sm_sample as host/proto.h declares it. `case` is
 * an index of `cases`, `point` of the pairs cpus × in_flight of a throughput case, or the place of a
 * rate in the search of a capacity case (0 elsewhere), `order` the position of the visit within the run. Instants are CLOCK_MONOTONIC ns, 0 = not taken;
 * counts -1 = not known; flags are enum sm_sample_flag: rows of noisy blocks that were measured
 * again are there too, flagged 8, under the order of their own visit.
 */
#ifndef SM_SAMPLES_H
#define SM_SAMPLES_H

#include "folder.h"
#include "run.h"

/* Writes samples.bin.gz into the folder. 0 or -errno. */
int sm_samples_write(const struct sm_run *run, const struct sm_folder *folder);

#endif
