/*
 * What cache/images.h promises: the engine's lines as distributions and their
 * versions, one question a minute for all who look. The engine is a puppet.
 * (tests/test_images.c is about the agents that are carried.)
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/images.h"
#include "tests/fail_alloc.h"
#include "tests/hands.h"
#include "tests/puppet.h"

struct fixture {
	struct hands *hands;
	struct engine *engine;
	struct images *images;
};

static const char some[] = "debian bookworm\nubuntu noble\ndebian trixie\n"
			   "arch\n";

static bool begin(struct fixture *f)
{
	*f = (struct fixture){ .hands = hands_new(), .engine = puppet_new() };
	f->engine->texts[ENGINE_IMAGES] = some;
	f->images = images_new(f->engine, hands_clock(f->hands));
	return f->images != NULL;
}

static void end(struct fixture *f)
{
	if (f->images)
		images_end(f->images);
	puppet_refuse(f->engine, -ECANCELED);
	images_free(f->images);
	puppet_free(f->engine);
	hands_free(f->hands);
}

struct asker {
	unsigned n;
	int err;
	struct images *again;
};

static void on_got(void *arg, int err)
{
	struct asker *a = arg;
	struct images *again = a->again;

	a->n++;
	a->err = err;
	a->again = NULL;
	if (again)
		images_get(again, on_got, a);
}

static int get(struct fixture *f, const char *text)
{
	struct asker a = { 0 };

	f->engine->texts[ENGINE_IMAGES] = text;
	hands_turn(f->hands, 60000);
	images_get(f->images, on_got, &a);
	puppet_answer(f->engine, ENGINE_IMAGES, 0);
	assert_int_equal(a.n, 1);
	return a.err;
}

static void lines_are_distributions_and_versions(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(get(&f, some), 0);
	assert_string_equal(images_distro(f.images, 0), "debian");
	assert_string_equal(images_distro(f.images, 1), "ubuntu");
	assert_string_equal(images_distro(f.images, 2), "arch");
	assert_null(images_distro(f.images, 3));
	assert_string_equal(images_version(f.images, "debian", 0), "bookworm");
	assert_string_equal(images_version(f.images, "debian", 1), "trixie");
	assert_null(images_version(f.images, "debian", 2));
	assert_null(images_version(f.images, "arch", 0));
	assert_null(images_version(f.images, "none", 0));
	assert_true(images_have(f.images, "arch", NULL));
	assert_true(images_have(f.images, "debian", "trixie"));
	assert_false(images_have(f.images, "ubuntu", "trixie"));
	assert_false(images_have(f.images, "none", NULL));
	end(&f);
}

static void lines_that_cannot_be_names_are_left_out(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(get(&f,
	                     "../x 1\n/etc 1\n\n.hidden 1\n-f 1\n  \n"
	                     "good 1\ngood 1\ngood a/b\n"
	                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	                     "aaaaaaaaaaaaaaaaaaa 1\nlast \t edge"),
	                 0);
	assert_string_equal(images_distro(f.images, 0), "good");
	assert_string_equal(images_version(f.images, "good", 0), "1");
	assert_null(images_version(f.images, "good", 1));
	assert_string_equal(images_distro(f.images, 1), "last");
	assert_string_equal(images_version(f.images, "last", 0), "edge");
	assert_null(images_distro(f.images, 2));
	end(&f);
}

static void one_question_serves_all_for_a_minute(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	for (int i = 0; i < 80; i++)
		images_get(f.images, on_got, &a);
	puppet_answer(f.engine, ENGINE_IMAGES, 0);
	hands_turn(f.hands, 59999);
	images_get(f.images, on_got, &a);
	assert_int_equal(a.n, 81);
	assert_int_equal(puppet_asked(f.engine, ENGINE_IMAGES), 1);
	end(&f);
}

static void failure_is_told_and_what_was_known_stays(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f);
	images_get(f.images, on_got, &a);
	puppet_answer(f.engine, ENGINE_IMAGES, -ENODEV);
	assert_int_equal(a.err, -ENODEV);
	assert_string_equal(images_error(f.images), "images: No such device");
	assert_null(images_distro(f.images, 0));
	get(&f, some);
	assert_string_equal(images_error(f.images), "");
	hands_turn(f.hands, 60000);
	images_get(f.images, on_got, &a);
	puppet_answer(f.engine, ENGINE_IMAGES, -ENODEV);
	assert_int_equal(a.err, 0);
	assert_true(images_have(f.images, "arch", NULL));
	end(&f);
}

static void callback_may_ask_again_and_end_ends_all(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f);
	a.again = f.images;
	images_get(f.images, on_got, &a);
	puppet_answer(f.engine, ENGINE_IMAGES, 0);
	assert_int_equal(a.n, 2);
	hands_turn(f.hands, 60000);
	images_get(f.images, on_got, &b);
	images_end(f.images);
	assert_int_equal(b.err, -ECANCELED);
	images_get(f.images, on_got, &b);
	assert_int_equal(b.n, 2);
	end(&f);
}

static void all_are_answered_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct fixture f;
		struct asker a = { 0 };

		if (!begin(&f)) {
			end(&f);
			continue;
		}
		puppet_at_once(f.engine, true);
		images_get(f.images, on_got, &a);
		assert_int_equal(a.n, 1);
		assert_true(a.err == 0 || a.err == -ENOMEM);
		end(&f);
	}
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_distributions_and_versions),
		cmocka_unit_test(lines_that_cannot_be_names_are_left_out),
		cmocka_unit_test(one_question_serves_all_for_a_minute),
		cmocka_unit_test(failure_is_told_and_what_was_known_stays),
		cmocka_unit_test(callback_may_ask_again_and_end_ends_all),
		cmocka_unit_test(all_are_answered_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
