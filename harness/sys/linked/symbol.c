/* SPDX-License-Identifier: MIT */
/* symbol.c - of a static program: nothing can be loaded, but the vDSO is there; see ../symbol.h. */
#include "../symbol.h"

#include <elf.h>
#include <features.h>
#include <link.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/rseq.h>
#include <unistd.h>

extern void *__libc_malloc(size_t bytes);
extern void __libc_free(void *at);

/* Whoever builds a static program chooses its libc: here the headers tell what that one has. */
static const struct {
	const char *name;
	const void *at;
} own[] = {
	{ "__libc_malloc", (const void *)__libc_malloc },
	{ "__libc_free", (const void *)__libc_free },
	{ "_Fork", (const void *)_Fork },
	{ "__rseq_offset", &__rseq_offset },
	{ "__rseq_size", &__rseq_size },
#if __GLIBC_PREREQ(2, 36)
	{ "arc4random_buf", (const void *)arc4random_buf },
#endif
#if __GLIBC_PREREQ(2, 39)
	{ "posix_spawnattr_setcgroup_np", (const void *)posix_spawnattr_setcgroup_np },
	{ "pidfd_spawn", (const void *)pidfd_spawn },
#endif
};

void *sm_object_open(const char *file, int flags)
{
	(void)flags;
	return strcmp(file, "linux-vdso.so.1") ? NULL : (void *)getauxval(AT_SYSINFO_EHDR);
}

void sm_object_close(void *object)
{
	(void)object;
}

/* Where the dynamic section of a mapped object says that its tables are. */
struct tables {
	const ElfW(Sym) * symbols, *end;
	const char *strings;
	size_t bytes;
	uintptr_t shift;
};

static void read_dynamic(struct tables *t, const ElfW(Dyn) * dyn)
{
	for (; dyn->d_tag != DT_NULL; dyn++) {
		uintptr_t at = t->shift + dyn->d_un.d_ptr;

		if (dyn->d_tag == DT_SYMTAB)
			t->symbols = (const ElfW(Sym) *)at;
		else if (dyn->d_tag == DT_STRTAB)
			t->strings = (const char *)at;
		else if (dyn->d_tag == DT_STRSZ)
			t->bytes = dyn->d_un.d_val;
	}
	/* How many there are only hash tables tell, of two kinds; every linker puts names behind them. */
	t->end = (const ElfW(Sym) *)t->strings;
}

static void read_tables(struct tables *t, const ElfW(Ehdr) * object)
{
	const ElfW(Phdr) *p = (const ElfW(Phdr) *)((const char *)object + object->e_phoff);
	const ElfW(Dyn) *dyn = NULL;

	for (int i = 0; i < object->e_phnum; i++) {
		if (p[i].p_type == PT_LOAD)
			t->shift = (uintptr_t)object + p[i].p_offset - p[i].p_vaddr;
		else if (p[i].p_type == PT_DYNAMIC)
			dyn = (const ElfW(Dyn) *)((const char *)object + p[i].p_offset);
	}
	if (dyn)
		read_dynamic(t, dyn);
}

static void *symbol_of(const ElfW(Ehdr) * object, const char *name)
{
	struct tables t = { .symbols = NULL };

	read_tables(&t, object);
	if (!t.symbols || !t.strings)
		return NULL;
	for (const ElfW(Sym) *s = t.symbols; s + 1 <= t.end; s++) {
		if (s->st_shndx != SHN_UNDEF && s->st_name < t.bytes &&
		    !strcmp(t.strings + s->st_name, name))
			return (void *)(t.shift + s->st_value);
	}
	return NULL;
}

void *sm_symbol(void *object, const char *name)
{
	if (object)
		return symbol_of(object, name);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (!strcmp(own[i].name, name))
			return (void *)own[i].at;
	return NULL;
}
