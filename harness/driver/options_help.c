/* SPDX-License-Identifier: MIT */
/*
 * options_help.c - what --help prints; see options.h. Beside the table of options.c, line by line.
 */
#include "options.h"

#include "bundle.h"

#define WHAT                                                                       \
	"usage: spawnmark run NAME|FILE.ini... | try CODE | conform | list WHAT\n" \
	"       spawnmark probe | doctor\n"
#define COMMANDS                                                                          \
	"Measures ways to start a process on Linux.\n\n"                                  \
	"  run      measure scenarios: `spawnmark run startup`\n"                         \
	"  try      measure your own Python imports: `spawnmark try 'import pandas'`\n"   \
	"  conform  ask every strategy what it must and must not do\n"                    \
	"  list     strategies, payloads, sandboxes, scenarios, keys, features, checks\n" \
	"  probe    what this machine's kernel, libc and user have\n"                     \
	"  doctor   what makes this machine noisy, and what would help\n"
#define MORE "\n`spawnmark COMMAND --help` tells more; --version tells the version.\n"

/* Of a program that has its files inside. */
static const char of_one_file[] =
	WHAT "       spawnmark unpack DIR\n" COMMANDS
	     "  unpack   write what is inside of this program to a folder: host, payloads,\n"
	     "           scenarios; it can be a --baseline then\n" MORE;

static const char *const texts[] = {
	[SM_COMMAND_RUN] =
		"usage: spawnmark run NAME|FILE.ini... [options]\n"
		"Measures scenarios and writes results/<host>-<kernel>-<time>/.\n\n"
		"  --set KEY=VALUE   override a key in every section (see `list keys`)\n"
		"  --only REGEX      cases whose name matches (and their floors)\n"
		"  --quick           the short form that the scenarios define\n"
		"  --list            the cases that would be measured, and stop\n"
		"  --clock icount    this machine's clock counts instructions (QEMU -icount)\n"
		"  --host NAME=COMMAND\n"
		"                    your own spawner: joins the strategies of every section,\n"
		"                    or those alone of --set strategy=popen,NAME\n"
		"  --seed N          order of visits; 1 and up\n"
		"  --name HOST       call this machine so\n"
		"  --baseline BINARY the base side: another build/spawnmark, or its folder. Base\n"
		"                    and new take turns (ABBA) in every block of every case\n"
		"  --baseline-set KEY=VALUE, --baseline-env NAME=VALUE,\n"
		"  --baseline-host NAME=COMMAND\n"
		"                    what the base side has instead; without --baseline: the\n"
		"                    only difference\n"
		"  --attach NAME=FILE.json\n"
		"                    keep another tool's JSON in the results\n"
		"  --no-report       write run.json, draw nothing\n"
		"  -o DIR            the results folder, instead of a new one\n\n"
		"`spawnmark list scenarios` names them. Exit status: 0 good, 1 a case\n"
		"failed, 2 bad usage or input, 3 this machine cannot do it, 4 cut short.\n",
	[SM_COMMAND_TRY] =
		"usage: spawnmark try 'import pandas, mylib' [options]\n"
		"Measures your own imports under the headline strategies, in 30 seconds.\n\n"
		"  --work EXPR       the first unit of real work, such as 'mylib.f()'\n"
		"  --check EXPR      true when its result _ is right\n"
		"  --python PATH     your interpreter; default: .venv/bin/python\n"
		"  --set KEY=VALUE, --host NAME=COMMAND, --seed N, --name HOST, --no-report,\n"
		"  -o DIR            as for run\n",
	[SM_COMMAND_LIST] = "usage: spawnmark list strategies|payloads|sandboxes|scenarios|keys\n"
			    "                     |features|checks [--json]\n"
			    "Lists what there is to choose from.\n",
	[SM_COMMAND_CONFORM] =
		"usage: spawnmark conform [options]\n"
		"Asks every check of every strategy, each in a fresh process, and tells KTAP.\n\n"
		"  --strategy LIST   these alone: popen,zygote (see `list strategies`)\n"
		"  --only REGEX      checks whose id or row matches (see `list checks`)\n"
		"  --level LEVEL     checks of this level or a stronger one: must, should,\n"
		"                    record\n"
		"  --group NAME      checks of this group\n"
		"  --host NAME=COMMAND\n"
		"                    your own spawner, as one strategy more\n"
		"  --repeat N        N rounds, which must agree\n"
		"  --long            in full what is shortened by default\n"
		"  --seed N          of what is random; default 1\n"
		"  --json FILE       write every cell with its evidence\n"
		"  --features        tell what was probed before\n"
		"  --list [--json]   the checks that would be asked, and stop\n\n"
		"Exit status: 0 all as expected, 1 a cell is not, 2 bad usage or input,\n"
		"3 this machine cannot do it, 4 cut short.\n",
	[SM_COMMAND_PROBE] =
		"usage: spawnmark probe [--json]\n"
		"Tries what kernel, libc and this user have of what checks need, and tells\n"
		"facts about this machine. Leaves nothing behind.\n",
	[SM_COMMAND_DOCTOR] =
		"usage: spawnmark doctor [--json] [--strict] [--root DIR]\n"
		"Looks for a second at what makes this machine noisy, and tells the command that\n"
		"would help. Changes nothing.\n\n"
		"  --strict    exit 1 when something is found\n"
		"  --root DIR  look at DIR/proc and DIR/sys, of another machine\n",
	[SM_COMMAND_NONE] = WHAT COMMANDS MORE,
};

const char *sm_options_help(enum sm_command command)
{
	return command == SM_COMMAND_NONE && sm_bundle_here() ? of_one_file : texts[command];
}
