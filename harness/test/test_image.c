/* SPDX-License-Identifier: MIT */
/* test_image.c - which pages of a process count as copied by a clone: our own, before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../driver/meter.h"
#include "../driver/run.h"

#define MIB   (1 << 20)
#define PAGE  ((size_t)sysconf(_SC_PAGESIZE))
#define SLACK (512 * 1024) /* what libc and the sanitizers allocate in between */

static struct sm_image now(void)
{
	struct sm_image image;

	sm_proc_image(getpid(), &image);
	return image;
}

static void near(int64_t after, int64_t before, int64_t more)
{
	assert_in_range(after - before + SLACK, more, more + 2 * SLACK);
}

static void test_anonymous_memory_is_copied(void **state)
{
	struct sm_image before = now(), after;
	char *at = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(at, MAP_FAILED);
	madvise(at, 8 * MIB, MADV_NOHUGEPAGE);
	near(now().copied_bytes, before.copied_bytes, 0); /* nothing is there yet */
	memset(at, 1, 8 * MIB);
	after = now();
	near(after.copied_bytes, before.copied_bytes, 8 * MIB);
	near(after.rss_bytes, before.rss_bytes, 8 * MIB);
	assert_true(after.anon_vmas > before.anon_vmas);
	assert_true(after.vmas > before.vmas);
	munmap(at, 8 * MIB);
}

/* Until one of its pages has been written: then all that are resident. */
static void test_a_files_pages_are_not_copied(void **state)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct sm_image before, after;
	volatile char sum = 0;
	char *at;

	(void)state;
	assert_int_equal(ftruncate(fd, 4 * MIB), 0);
	for (size_t i = 0; i < 4 * MIB; i += PAGE)
		assert_int_equal(pwrite(fd, "x", 1, (off_t)i), 1);
	before = now();
	at = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (size_t i = 0; i < 4 * MIB; i += PAGE)
		sum = (char)(sum + at[i]);
	after = now();
	near(after.rss_bytes, before.rss_bytes, 4 * MIB);
	near(after.copied_bytes, before.copied_bytes, 0);
	at[0] = 'y';
	near(now().copied_bytes, before.copied_bytes, 4 * MIB);
	munmap(at, 4 * MIB);
	close(fd);
}

/* One page in each of 64 tables, then every page of two of them. */
static void test_scattered_pages_have_tables(void **state)
{
	const size_t span = PAGE / 8 * PAGE, room = 64 * span;
	struct sm_image before = now();
	/* Of pages of 16 KiB it is 2 GiB, of which 1 MiB is used. */
	char *at = mmap(NULL, room, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)state;
	assert_ptr_not_equal(at, MAP_FAILED);
	madvise(at, room, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < room; i += span)
		at[i] = 1;
	assert_in_range(now().copied_tables, before.copied_tables + 63, before.copied_tables + 70);
	munmap(at, room);
	assert_in_range(now().copied_tables, before.copied_tables, before.copied_tables + 4);
}

static void *sleeper(void *stop)
{
	sem_wait(stop);
	return NULL;
}

static void test_threads_and_descriptors(void **state)
{
	struct sm_image before = now();
	pthread_t thread;
	sem_t stop;
	int fd = dup(0);

	(void)state;
	sem_init(&stop, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, sleeper, &stop), 0);
	assert_int_equal(now().threads, before.threads + 1);
	assert_int_equal(now().fds, before.fds + 1);
	sem_post(&stop);
	pthread_join(thread, NULL);
	close(fd);
}

static void test_nobody(void **state)
{
	struct sm_image image;

	(void)state;
	sm_proc_image(0x7fffffff, &image);
	assert_int_equal(image.rss_bytes, -1);
	assert_int_equal(image.vmas, -1);
	assert_int_equal(image.copied_bytes, -1);
	assert_int_equal(image.threads, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anonymous_memory_is_copied),
		cmocka_unit_test(test_a_files_pages_are_not_copied),
		cmocka_unit_test(test_scattered_pages_have_tables),
		cmocka_unit_test(test_threads_and_descriptors),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
