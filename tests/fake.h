/*
 * fake: a directory with a scripted orbctl in it (tests/fake_orbctl).
 *
 *	struct fake *fake = fake_new();
 *	fake_do(fake, "seed", "3", NULL);
 *	... run fake_program(fake) ...
 *	assert_int_equal(fake_calls(fake, "list"), 1);
 *	fake_free(fake);
 *
 * Whatever goes wrong here fails the test. Tests run at the top of the
 * sources, where tests/fake_orbctl is found.
 */
#ifndef ORBFS_TESTS_FAKE_H
#define ORBFS_TESTS_FAKE_H

#include <stddef.h>

struct fake;

struct fake *fake_new(void);
/* The directory goes with all that is in it. */
void fake_free(struct fake *fake);
/* The absolute path of its orbctl, and of its directory. */
const char *fake_program(const struct fake *fake);
const char *fake_dir(const struct fake *fake);
/* Put a script of the test's own in the place of orbctl. */
void fake_script(struct fake *fake, const char *text);

/* Run `orbctl fake WORD...`, the words ended by NULL. */
void fake_do(struct fake *fake, const char *word, ...)
	__attribute__((sentinel));
/* The value of a column of a machine, or "" when there is no such machine;
 * valid until the next call. */
const char *fake_get(struct fake *fake, const char *name, const char *column);
/* How many calls there were whose words begin with those ("stop -f web"); ""
 * counts all. */
unsigned fake_calls(struct fake *fake, const char *words);

#endif
