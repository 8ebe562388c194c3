/* SPDX-License-Identifier: MIT */
/*
 * shim.cc - gives the cases of cases.c to google-benchmark; the only C++ of the suite.
 *
 * Every case is repeated, the repetitions of all cases in random order: what drifts on the machine
 * falls on all of them alike. Flags given by the user come last and so win.
 */
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "micro.h"

namespace
{

void run(benchmark::State &state, const bench_case *c)
{
	void *self = nullptr;
	int err = c->setup ? c->setup(&self, c->arg) : 0;

	if (err) {
		state.SkipWithError(strerror(-err));
		return;
	}
	for (auto _ : state) {
		int64_t ns = c->once(self);

		if (ns < 0) {
			state.SkipWithError(strerror(static_cast<int>(-ns)));
			break;
		}
		benchmark::DoNotOptimize(ns);
		if (!c->own_clock)
			state.SetIterationTime(static_cast<double>(ns) * 1e-9);
	}
	if (c->teardown)
		c->teardown(self);
}

void add(const bench_case *c)
{
	std::string name = c->name;

	if (c->available && !c->available())
		return;
	if (c->arg >= 0)
		name += ":" + std::to_string(c->arg);
	auto *b = benchmark::RegisterBenchmark(name.c_str(), run, c);
	if (c->iterations)
		b->Iterations(c->iterations);
	if (c->repetitions)
		b->Repetitions(c->repetitions);
	if (c->own_clock)
		b->UseRealTime();
	else
		b->UseManualTime();
}

std::vector<char *> flags(int argc, char **argv)
{
	static char random[] = "--benchmark_enable_random_interleaving=true";
	static char repeat[] = "--benchmark_repetitions=15", brief[] = "--benchmark_repetitions=5";
	static char time[] = "--benchmark_min_time=0.02", tiny[] = "--benchmark_min_time=0.01";
	bool quick = false;

	for (int i = 1; i < argc; i++)
		quick = quick || !strcmp(argv[i], "--quick");
	std::vector<char *> all = { argv[0], random, quick ? brief : repeat, quick ? tiny : time };
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--quick") != 0)
			all.push_back(argv[i]);
	return all;
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<char *> args = flags(argc, argv);
	int n = static_cast<int>(args.size());

	benchmark::Initialize(&n, args.data());
	if (benchmark::ReportUnrecognizedArguments(n, args.data()))
		return 2; /* bad usage, as every program of the suite says it */
	for (unsigned int i = 0; i < bench_case_count; i++)
		add(&bench_cases[i]);
	benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
	return 0;
}
