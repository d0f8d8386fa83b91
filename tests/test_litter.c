/*
 * What fs/litter.h promises: pieces by name, and a bound on all of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/litter.h"
#include "tests/hands.h"

static struct hands *hands;

static struct litter *begin(void)
{
	struct litter *litter;

	hands = hands_new();
	litter = litter_new(hands_clock(hands));
	assert_non_null(litter);
	return litter;
}

static void end(struct litter *litter)
{
	litter_free(litter);
	hands_free(hands);
}

static struct piece *add(struct litter *litter, uint64_t of, const char *name,
                         const char *text)
{
	struct piece *piece = litter_add(litter, LITTER_XATTR, of, name);

	assert_non_null(piece);
	assert_int_equal(litter_write(piece, text, strlen(text), 0), 0);
	return piece;
}

static void litter_finds_by_kind_inode_and_name(void **state)
{
	struct litter *litter = begin();
	struct piece *a = add(litter, 1, "a", "x");
	struct piece *b = add(litter, 1, "b", "y");
	struct piece *c = add(litter, 2, "a", "z");

	(void)state;
	assert_ptr_equal(litter_find(litter, LITTER_XATTR, 1, "a"), a);
	assert_ptr_equal(litter_find(litter, LITTER_XATTR, 1, "b"), b);
	assert_ptr_equal(litter_find(litter, LITTER_XATTR, 2, "a"), c);
	assert_null(litter_find(litter, LITTER_FILE, 1, "a"));
	assert_null(litter_find(litter, LITTER_XATTR, 3, "a"));
	litter_remove(a);
	assert_null(litter_find(litter, LITTER_XATTR, 1, "a"));
	end(litter);
}

static void litter_writes_anywhere_and_fills_holes_with_zeros(void **state)
{
	struct litter *litter = begin();
	struct piece *piece = litter_add(litter, LITTER_FILE, 1, "f");

	(void)state;
	assert_int_equal(litter_write(piece, "xyz", 3, 2), 0);
	assert_int_equal(piece->data.len, 5);
	assert_memory_equal(piece->data.data, "\0\0xyz", 5);
	assert_int_equal(litter_write(piece, "ab", 2, 0), 0);
	assert_memory_equal(piece->data.data, "abxyz", 5);
	assert_int_equal(litter_resize(piece, 1), 0);
	assert_int_equal(litter_resize(piece, 3), 0);
	assert_memory_equal(piece->data.data, "a\0\0", 3);
	assert_int_equal(litter_write(piece, "x", 1, UINT64_MAX), -EFBIG);
	assert_int_equal(litter_write(piece, "x", 1, LITTER_FILE_MAX), -EFBIG);
	assert_int_equal(litter_resize(piece, UINT64_MAX), -EFBIG);
	assert_int_equal(piece->data.len, 3);
	end(litter);
}

static void litter_lists_the_attributes_of_one_inode(void **state)
{
	struct litter *litter = begin();
	struct buf names = BUF_INIT(100);

	(void)state;
	add(litter, 1, "one", "");
	add(litter, 2, "other", "");
	add(litter, 1, "two", "");
	assert_non_null(litter_add(litter, LITTER_FILE, 1, "file"));
	litter_list(litter, 1, &names);
	assert_int_equal(names.len, 8);
	assert_memory_equal(names.data, "one\0two", 8);
	buf_free(&names);
	end(litter);
}

static void litter_forgets_an_inode_and_what_is_in_it(void **state)
{
	struct litter *litter = begin();

	(void)state;
	add(litter, 1, "a", "");
	assert_non_null(litter_add(litter, LITTER_FILE, 1, "f"));
	add(litter, 2, "a", "");
	litter_forget(litter, 1);
	assert_null(litter_find(litter, LITTER_XATTR, 1, "a"));
	assert_null(litter_find(litter, LITTER_FILE, 1, "f"));
	assert_non_null(litter_find(litter, LITTER_XATTR, 2, "a"));
	end(litter);
}

static void litter_drops_what_was_not_used_for_longest(void **state)
{
	struct litter *litter = begin();
	char name[16];

	(void)state;
	for (int i = 0; i < LITTER_N_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		add(litter, 1, name, "");
	}
	assert_non_null(litter_find(litter, LITTER_XATTR, 1, "0"));
	add(litter, 1, "one more", "");
	assert_non_null(litter_find(litter, LITTER_XATTR, 1, "0"));
	assert_null(litter_find(litter, LITTER_XATTR, 1, "1"));
	assert_non_null(litter_find(litter, LITTER_XATTR, 1, "2"));
	end(litter);
}

static void litter_has_a_bound_on_bytes(void **state)
{
	struct litter *litter = begin();
	char name[16];
	int i;

	(void)state;
	for (i = 0; i <= LITTER_MAX / LITTER_FILE_MAX; i++) {
		struct piece *piece;

		snprintf(name, sizeof(name), "%d", i);
		piece = litter_add(litter, LITTER_FILE, 1, name);
		assert_non_null(piece);
		assert_int_equal(litter_resize(piece, LITTER_FILE_MAX), 0);
		assert_ptr_equal(litter_find(litter, LITTER_FILE, 1, name),
		                 piece);
	}
	assert_null(litter_find(litter, LITTER_FILE, 1, "0"));
	assert_non_null(litter_find(litter, LITTER_FILE, 1, "1"));
	end(litter);
}

static void a_piece_that_is_referred_to_outlives_its_place(void **state)
{
	struct litter *litter = begin();
	struct piece *piece = add(litter, 1, "a", "text");

	(void)state;
	label_ref(&piece->label);
	litter_remove(piece);
	assert_null(piece->litter);
	assert_int_equal(litter_write(piece, "more text", 9, 0), 0);
	assert_memory_equal(piece->data.data, "more text", 9);
	litter_remove(piece); /* once more does nothing */
	add(litter, 1, "a", "another");
	end(litter);
	label_unref(&piece->label);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(litter_finds_by_kind_inode_and_name),
		cmocka_unit_test(
			litter_writes_anywhere_and_fills_holes_with_zeros),
		cmocka_unit_test(litter_lists_the_attributes_of_one_inode),
		cmocka_unit_test(litter_forgets_an_inode_and_what_is_in_it),
		cmocka_unit_test(litter_drops_what_was_not_used_for_longest),
		cmocka_unit_test(litter_has_a_bound_on_bytes),
		cmocka_unit_test(
			a_piece_that_is_referred_to_outlives_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
