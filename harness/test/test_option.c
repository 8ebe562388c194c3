/* SPDX-License-Identifier: MIT */
/*
 * test_option.c - "name=value" words: what is taken, and that nothing else is.
 */
#include "strategies/option.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = { "warm", "size", "refill", NULL };
static const char *const refills[] = { "eager", "lazy", "paced", NULL };

static void good_words_pass(void **state)
{
	(void)state;
	assert_int_equal(sm_options_check(NULL, names, NULL), 0);
	assert_int_equal(sm_options_check("", NULL, NULL), 0);
	assert_int_equal(sm_options_check("  warm=yes\tsize=8 ", names, NULL), 0);
	assert_int_equal(sm_options_check("refill=a=b", names, NULL), 0);
}

static void refuse(const char *options, const char *const *known, const char *why)
{
	struct sm_fault fault = { .size = sizeof(fault) };

	assert_int_equal(sm_options_check(options, known, &fault), -EINVAL);
	assert_int_equal(fault.stage, SM_STAGE_ARGUMENT);
	assert_int_equal(fault.err, EINVAL);
	assert_non_null(strstr(fault.text, why));
}

static void bad_words_are_named(void **state)
{
	char text[SM_OPTIONS_BYTES + 1];

	(void)state;
	refuse("warm=yes cold=no", names, "'cold=no' is no option");
	refuse("war=yes", names, "'war=yes' is no option");
	refuse("warmer=yes", names, "is no option");
	refuse("warm", names, "'warm' is no name=value");
	refuse("warm=", names, "is no name=value");
	refuse("=yes", names, "is no name=value");
	refuse("warm=yes size=1 warm=yes", names, "'warm=yes' is given twice");
	refuse("warm=yes", NULL, "is no option");
	memset(text, ' ', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refuse(text, names, "too long");
}

static void values_are_read(void **state)
{
	static const char text[] = "warm=no size=12 refill=lazy";

	(void)state;
	assert_int_equal(sm_option_flag(text, "warm", 1), 0);
	assert_int_equal(sm_option_flag("warm=yes", "warm", 0), 1);
	assert_int_equal(sm_option_flag(text, "trim", 1), 1);
	assert_int_equal(sm_option_flag(NULL, "warm", 0), 0);
	assert_int_equal(sm_option_number(text, "size", 1, 64, 4), 12);
	assert_int_equal(sm_option_number("warm=no", "size", 1, 64, 4), 4);
	assert_int_equal(sm_option_choice(text, "refill", refills, 0), 1);
	assert_int_equal(sm_option_choice("", "refill", refills, 2), 2);
}

static void bad_values_are_refused(void **state)
{
	struct sm_fault fault = { .size = sizeof(fault) };

	(void)state;
	assert_int_equal(sm_option_flag("warm=maybe", "warm", 0), -EINVAL);
	assert_int_equal(sm_option_flag("warm=yess", "warm", 0), -EINVAL);
	assert_int_equal(sm_option_flag("warm=ye", "warm", 0), -EINVAL);
	assert_int_equal(sm_option_number("size=65", "size", 1, 64, 4), -EINVAL);
	assert_int_equal(sm_option_number("size=0", "size", 1, 64, 4), -EINVAL);
	assert_int_equal(sm_option_number("size=4k", "size", 1, 64, 4), -EINVAL);
	assert_int_equal(sm_option_number("size=-4", "size", 1, 64, 4), -EINVAL);
	assert_int_equal(sm_option_number("size=99999999999999999999", "size", 1, 64, 4), -EINVAL);
	assert_int_equal(sm_option_choice("refill=eage", "refill", refills, 0), -EINVAL);
	assert_int_equal(sm_option_bad("warm=no size=65", "size", &fault), -EINVAL);
	assert_string_equal(fault.text, "option 'size=65' has a bad value");
}

static void the_environment_is_emptied(void **state)
{
	char buf[SM_OPTIONS_BYTES];

	(void)state;
	unsetenv(SM_OPTIONS_ENV);
	assert_null(sm_options_take(buf));
	setenv(SM_OPTIONS_ENV, "warm=yes", 1);
	assert_string_equal(sm_options_take(buf), "warm=yes");
	assert_null(getenv(SM_OPTIONS_ENV));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_words_pass),
		cmocka_unit_test(bad_words_are_named),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(the_environment_is_emptied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
