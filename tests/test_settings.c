/*
 * What cache/settings.h promises: the engine's lines as names and values, one
 * question for all who look, places and times that stay, and what setting one
 * comes to. The engine is a puppet.
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

#include "cache/settings.h"
#include "tests/fail_alloc.h"
#include "tests/hands.h"
#include "tests/puppet.h"

struct fixture {
	struct hands *hands;
	struct engine *engine;
	struct settings *settings;
};

static const char two[] = "cpu: 4\nmemory_mib: 8192\n";

static bool begin(struct fixture *f, const char *text)
{
	*f = (struct fixture){ .hands = hands_new(), .engine = puppet_new() };
	f->engine->texts[ENGINE_CONFIG_SHOW] = text;
	f->settings = settings_new(f->engine, hands_clock(f->hands));
	return f->settings != NULL;
}

static void end(struct fixture *f)
{
	if (f->settings)
		settings_end(f->settings);
	puppet_refuse(f->engine, -ECANCELED);
	settings_free(f->settings);
	puppet_free(f->engine);
	hands_free(f->hands);
}

struct asker {
	unsigned n;
	int err;
	char text[200];
	struct settings *again; /* from its callback it asks so, once */
};

static void on_got(void *arg, int err)
{
	struct asker *a = arg;
	struct settings *again = a->again;

	a->n++;
	a->err = err;
	a->again = NULL;
	if (again)
		settings_get(again, on_got, a);
}

static void on_set(void *arg, int err, const char *text)
{
	struct asker *a = arg;

	a->n++;
	a->err = err;
	snprintf(a->text, sizeof(a->text), "%s", text);
	if (a->again)
		settings_get(a->again, on_got, a);
}

/* Get them, with that answer of the engine's. */
static int get(struct fixture *f, const char *text)
{
	struct asker a = { 0 };

	f->engine->texts[ENGINE_CONFIG_SHOW] = text;
	hands_turn(f->hands, 1000);
	settings_get(f->settings, on_got, &a);
	puppet_answer(f->engine, ENGINE_CONFIG_SHOW, 0);
	assert_int_equal(a.n, 1);
	return a.err;
}

static const char *value(const struct fixture *f, const char *key)
{
	const struct setting *s = settings_find(f->settings, key);

	return s ? s->value : NULL;
}

static void lines_are_names_and_values(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, two);
	assert_int_equal(get(&f, "cpu: 4\nnetwork_proxy: http://a:80/\r\n"
	                         "k8s.enable:false\nempty:\nlast: x"),
	                 0);
	assert_int_equal(settings_count(f.settings), 5);
	assert_string_equal(value(&f, "cpu"), "4");
	assert_string_equal(value(&f, "network_proxy"), "http://a:80/");
	assert_string_equal(value(&f, "k8s.enable"), "false");
	assert_string_equal(value(&f, "empty"), "");
	assert_string_equal(value(&f, "last"), "x");
	end(&f);
}

static void lines_that_are_no_settings_are_left_out(void **state)
{
	struct fixture f;
	char text[4000] = "machine.web.cpu: 2\n../x: 1\na/b: 1\n.hidden: 1\n"
			  "A: 1\n: 1\nno colon\n\nx y: 1\ncontrol: a\x01z\n"
			  "cpu: 4\ncpu: 5\n-f: 1\nlong: ";

	(void)state;
	memset(text + strlen(text), 'v', SETTINGS_VALUE_MAX + 1);
	begin(&f, two);
	assert_int_equal(get(&f, text), 0);
	assert_int_equal(settings_count(f.settings), 1);
	assert_string_equal(value(&f, "cpu"), "4");
	end(&f);
}

/* Cut anywhere, in memory that ends there. */
static void any_beginning_of_an_answer_is_read(void **state)
{
	static const char whole[] = "cpu: 4\nx\nmachine.a.cpu: 1\nempty:\r\n"
				    "network.https:true\n";

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		struct fixture f;
		char *text = strndup(whole, len);

		begin(&f, two);
		assert_int_equal(get(&f, text), 0);
		assert_true(settings_count(f.settings) <= 3);
		free(text);
		end(&f);
	}
}

static void many_lines_have_an_end(void **state)
{
	static char text[40000];
	struct fixture f;

	(void)state;
	for (int i = 0; i < 3000; i++)
		sprintf(text + strlen(text), "key%d: 1\n", i);
	begin(&f, two);
	assert_int_equal(get(&f, text), 0);
	assert_int_equal(settings_count(f.settings), 1024);
	end(&f);
}

static void one_question_serves_all_for_a_second(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f, two);
	for (int i = 0; i < 80; i++)
		settings_get(f.settings, on_got, &a);
	puppet_answer(f.engine, ENGINE_CONFIG_SHOW, 0);
	settings_get(f.settings, on_got, &a);
	assert_int_equal(a.n, 81);
	assert_int_equal(puppet_asked(f.engine, ENGINE_CONFIG_SHOW), 1);
	hands_turn(f.hands, 1000);
	settings_get(f.settings, on_got, &a);
	assert_int_equal(puppet_asked(f.engine, ENGINE_CONFIG_SHOW), 2);
	end(&f);
	assert_int_equal(a.n, 82);
}

static void places_and_times_stay_with_what_stays(void **state)
{
	struct fixture f;
	const struct setting *s;
	struct timespec first;
	uint64_t cookie;

	(void)state;
	begin(&f, two);
	get(&f, two);
	s = settings_next(f.settings, 0);
	assert_string_equal(s->key, "cpu");
	first = s->changed;
	cookie = settings_next(f.settings, s->cookie)->cookie;
	hands_turn(f.hands, 60000);
	get(&f, "new: 1\nmemory_mib: 1024\ncpu: 4\n");
	s = settings_find(f.settings, "cpu");
	assert_int_equal(s->changed.tv_sec, first.tv_sec);
	s = settings_next(f.settings, s->cookie);
	assert_string_equal(s->key, "memory_mib");
	assert_int_equal(s->cookie, cookie);
	assert_true(s->changed.tv_sec > first.tv_sec);
	assert_int_equal(settings_changed(f.settings).tv_sec,
	                 s->changed.tv_sec);
	s = settings_next(f.settings, s->cookie);
	assert_string_equal(s->key, "new");
	assert_null(settings_next(f.settings, s->cookie));
	get(&f, "new: 1\n");
	assert_int_equal(settings_count(f.settings), 1);
	end(&f);
}

static void failure_is_told_and_what_was_known_stays(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f, two);
	settings_get(f.settings, on_got, &a);
	puppet_answer(f.engine, ENGINE_CONFIG_SHOW, -ENODEV);
	assert_int_equal(a.err, -ENODEV);
	assert_true(*settings_error(f.settings));
	get(&f, two);
	assert_string_equal(settings_error(f.settings), "");
	hands_turn(f.hands, 1000);
	settings_get(f.settings, on_got, &a);
	puppet_answer(f.engine, ENGINE_CONFIG_SHOW, -ENODEV);
	assert_int_equal(a.err, 0);
	assert_string_equal(value(&f, "cpu"), "4");
	end(&f);
}

static void setting_one_asks_the_engine_and_looks_again(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f, two);
	get(&f, two);
	f.engine->texts[ENGINE_CONFIG_SET] = "Restart OrbStack";
	settings_set(f.settings, "cpu", "8", on_set, &a);
	assert_string_equal(f.engine->last.setting, "cpu");
	assert_string_equal(f.engine->last.value, "8");
	puppet_answer(f.engine, ENGINE_CONFIG_SET, 0);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.err, 0);
	assert_string_equal(a.text, "Restart OrbStack");
	settings_get(f.settings, on_got, &a);
	assert_int_equal(puppet_n(f.engine, ENGINE_CONFIG_SHOW), 1);
	end(&f);
}

static void setting_one_that_the_engine_refuses_says_why(void **state)
{
	struct fixture f;
	struct asker a = { 0 };

	(void)state;
	begin(&f, two);
	get(&f, two);
	settings_set(f.settings, "cpu", "many", on_set, &a);
	puppet_answer(f.engine, ENGINE_CONFIG_SET, -EINVAL);
	assert_int_equal(a.err, -EINVAL);
	assert_string_equal(a.text, "config: Invalid argument");
	assert_string_equal(settings_error(f.settings), a.text);
	end(&f);
}

static void bad_names_and_values_never_reach_the_engine(void **state)
{
	struct fixture f;
	struct asker a = { 0 };
	char text[SETTINGS_VALUE_MAX + 2];

	(void)state;
	memset(text, 'v', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	begin(&f, two);
	get(&f, two);
	settings_set(f.settings, "none", "1", on_set, &a);
	assert_int_equal(a.err, -ENOENT);
	settings_set(f.settings, "machine.web.cpu", "1", on_set, &a);
	assert_int_equal(a.err, -ENOENT);
	settings_set(f.settings, "cpu", "-f", on_set, &a);
	assert_int_equal(a.err, -EINVAL);
	settings_set(f.settings, "cpu", "1\n2", on_set, &a);
	assert_int_equal(a.err, -EINVAL);
	settings_set(f.settings, "cpu", text, on_set, &a);
	assert_int_equal(a.err, -EINVAL);
	assert_int_equal(a.n, 5);
	assert_int_equal(puppet_asked(f.engine, ENGINE_CONFIG_SET), 0);
	end(&f);
}

static void callbacks_may_ask_again(void **state)
{
	struct fixture f;
	struct asker a = { 0 };
	struct asker b = { 0 };

	(void)state;
	begin(&f, two);
	a.again = f.settings;
	b.again = f.settings;
	puppet_at_once(f.engine, true);
	settings_get(f.settings, on_got, &a);
	assert_int_equal(a.n, 2);
	settings_set(f.settings, "cpu", "8", on_set, &b);
	assert_int_equal(b.n, 3);
	end(&f);
}

static void end_ends_all_who_wait(void **state)
{
	struct fixture f;
	struct asker a = { 0 }, b = { 0 };

	(void)state;
	begin(&f, two);
	get(&f, two);
	hands_turn(f.hands, 1000);
	settings_get(f.settings, on_got, &a);
	settings_set(f.settings, "cpu", "8", on_set, &b);
	settings_end(f.settings);
	assert_int_equal(a.err, -ECANCELED);
	settings_get(f.settings, on_got, &a);
	assert_int_equal(a.n, 2);
	end(&f);
	assert_int_equal(b.err, -ECANCELED);
}

static void all_are_answered_whichever_allocation_fails(void **state)
{
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct fixture f;
		struct asker a = { 0 };

		if (!begin(&f, two)) {
			end(&f);
			continue;
		}
		puppet_at_once(f.engine, true);
		settings_get(f.settings, on_got, &a);
		assert_true(a.err == 0 || a.err == -ENOMEM);
		settings_set(f.settings, "cpu", "8", on_set, &a);
		settings_get(f.settings, on_got, &a);
		assert_int_equal(a.n, 3);
		end(&f);
	}
	assert_true(n > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_names_and_values),
		cmocka_unit_test(lines_that_are_no_settings_are_left_out),
		cmocka_unit_test(any_beginning_of_an_answer_is_read),
		cmocka_unit_test(many_lines_have_an_end),
		cmocka_unit_test(one_question_serves_all_for_a_second),
		cmocka_unit_test(places_and_times_stay_with_what_stays),
		cmocka_unit_test(failure_is_told_and_what_was_known_stays),
		cmocka_unit_test(setting_one_asks_the_engine_and_looks_again),
		cmocka_unit_test(setting_one_that_the_engine_refuses_says_why),
		cmocka_unit_test(bad_names_and_values_never_reach_the_engine),
		cmocka_unit_test(callbacks_may_ask_again),
		cmocka_unit_test(end_ends_all_who_wait),
		cmocka_unit_test(all_are_answered_whichever_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
