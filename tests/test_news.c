/*
 * What cache/news.h promises: each change is told once, whoever made it, to
 * all who listen, as a line of JSON that any reader takes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "cache/news.h"
#include "tests/acts.h"

/* What was heard, a word for each: "created:web:creating ". */
struct ear {
	struct fleet *fleet;
	struct listener listener;
	char text[600];
	bool leaves;
	unsigned n;
};

static void on_news(void *arg, const struct news *news)
{
	struct ear *ear = arg;
	size_t len = strlen(ear->text);
	char *at = ear->text + len;
	size_t room = sizeof(ear->text) - len;

	ear->n++;
	if (ear->leaves)
		news_leave(ear->fleet, &ear->listener);
	switch (news->kind) {
	case NEWS_CREATED:
		snprintf(at, room, "created:%s:%s ", news->name,
		         machine_state_word(news->to));
		break;
	case NEWS_STATE:
		snprintf(at, room, "state:%s:%s:%s ", news->name,
		         machine_state_word(news->from),
		         machine_state_word(news->to));
		break;
	case NEWS_RENAMED:
		snprintf(at, room, "renamed:%s:%s ", news->old_name,
		         news->name);
		break;
	case NEWS_DELETED:
		snprintf(at, room, "deleted:%s ", news->name);
		break;
	default:
		snprintf(at, room, "failed:%s:%s ", news->name, news->why);
	}
}

static void listen_to(struct acts *f, struct ear *ear)
{
	ear->fleet = f->fleet;
	ear->listener = (struct listener){ .hear = on_news, .arg = ear };
	news_listen(f->fleet, &ear->listener);
}

static void own_changes_are_told_when_they_show(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct ear ear = { 0 };

	(void)state;
	begin(&f);
	listen_to(&f, &ear);
	lifecycle_create(f.fleet, &(struct lifecycle_new){ .name = "web" },
	                 on_done, &a);
	assert_string_equal(ear.text, "created:web:creating ");
	puppet_answer(f.engine, ENGINE_CREATE, 0);
	puppet_answer(f.engine, ENGINE_INFO, 0);
	lifecycle_turn(member(&f, "web"), ENGINE_STOP, on_done, &a);
	puppet_answer(f.engine, ENGINE_STOP, 0);
	lifecycle_rename(member(&f, "web"), "shop", on_done, &a);
	puppet_answer(f.engine, ENGINE_RENAME, 0);
	lifecycle_delete(member(&f, "shop"), on_done, &a);
	puppet_answer(f.engine, ENGINE_DELETE, 0);
	look(&f);
	assert_string_equal(ear.text,
	                    "created:web:creating state:web:creating:running "
	                    "state:web:running:stopping "
	                    "state:web:stopping:stopped renamed:web:shop "
	                    "state:shop:stopped:deleting deleted:shop ");
	end(&f);
}

static void failures_are_told_with_their_reason(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct ear ear = { 0 };

	(void)state;
	begin(&f);
	listen_to(&f, &ear);
	lifecycle_turn(member(&f, "off"), ENGINE_START, on_done, &a);
	puppet_answer(f.engine, ENGINE_START, -EIO);
	assert_string_equal(ear.text, "state:off:stopped:starting "
	                              "failed:off:start: Input/output error "
	                              "state:off:starting:stopped ");
	end(&f);
}

static void changes_made_elsewhere_are_told_with_the_next_list(void **state)
{
	struct acts f;
	struct ear ear = { 0 };

	(void)state;
	begin(&f);
	listen_to(&f, &ear);
	puppet_state(f.engine, "up", MACHINE_STOPPED);
	puppet_add(f.engine, "more", "9", MACHINE_RUNNING);
	look(&f);
	look(&f);
	assert_string_equal(ear.text, "state:up:running:stopped "
	                              "created:more:running ");
	ear.text[0] = '\0';
	puppet_word(&(*puppet_find(f.engine, "more"))->name, "less");
	puppet_remove(f.engine, "up");
	look(&f);
	assert_string_equal(ear.text, "renamed:more:less deleted:up ");
	end(&f);
}

static void first_list_is_no_news(void **state)
{
	struct hands *hands = hands_new();
	struct engine *engine = puppet_new();
	struct fleet_spec spec = { .engine = engine,
		                   .clock = hands_clock(hands),
		                   .ttl_ms = 1000 };
	struct acts f = { hands, engine, fleet_new(&spec) };
	struct ear ear = { 0 };

	(void)state;
	listen_to(&f, &ear);
	puppet_add(engine, "web", "1", MACHINE_RUNNING);
	look(&f);
	assert_string_equal(ear.text, "");
	puppet_state(engine, "web", MACHINE_STOPPED);
	look(&f);
	assert_string_equal(ear.text, "state:web:running:stopped ");
	end(&f);
}

static void snapshots_are_no_news(void **state)
{
	struct acts f;
	struct asker a = { 0 };
	struct ear ear = { 0 };

	(void)state;
	begin(&f);
	listen_to(&f, &ear);
	puppet_at_once(f.engine, true);
	lifecycle_snapshot(member(&f, "up"), "now", on_done, &a);
	lifecycle_delete(snapshot(&f, "up", "now"), on_done, &a);
	lifecycle_rename(member(&f, "off"), "out", on_done, &a);
	assert_heard(&a, 3, 0);
	assert_string_equal(ear.text, "renamed:off:out ");
	/* Until one becomes a machine. */
	lifecycle_rename(snapshot(&f, "out", "before"), "copy", on_done, &a);
	assert_says(ear.text, "renamed:out--snap--before:copy ");
	end(&f);
}

static void all_listeners_hear_until_they_leave(void **state)
{
	struct acts f;
	struct ear one = { 0 }, two = { .leaves = true }, three = { 0 };

	(void)state;
	begin(&f);
	listen_to(&f, &one);
	listen_to(&f, &two);
	listen_to(&f, &three);
	puppet_state(f.engine, "up", MACHINE_STOPPED);
	look(&f);
	puppet_state(f.engine, "up", MACHINE_RUNNING);
	look(&f);
	assert_int_equal(one.n, 2);
	assert_int_equal(two.n, 1);
	assert_int_equal(three.n, 2);
	news_leave(f.fleet, &two.listener);
	news_leave(f.fleet, &one.listener);
	news_leave(f.fleet, &three.listener);
	puppet_remove(f.engine, "up");
	look(&f);
	assert_int_equal(three.n, 2);
	end(&f);
}

static void listeners_need_not_leave_before_the_end(void **state)
{
	struct acts f;
	struct ear ear = { 0 };

	(void)state;
	begin(&f);
	listen_to(&f, &ear);
	end(&f);
	assert_int_equal(ear.n, 0);
}

/* Render, and see that it is one line of JSON that says so. */
static void assert_line(const struct news *news, const char *event,
                        const char *key, const char *value)
{
	struct buf b = BUF_INIT(10000);
	cJSON *o;

	assert_int_equal(news_render(news, &b), 0);
	assert_ptr_equal(strchr(b.data, '\n'), b.data + b.len - 1);
	o = cJSON_Parse(b.data);
	assert_non_null(o);
	assert_string_equal(cJSON_GetObjectItem(o, "event")->valuestring,
	                    event);
	assert_string_equal(cJSON_GetObjectItem(o, "machine")->valuestring,
	                    news->name);
	assert_string_equal(cJSON_GetObjectItem(o, "time")->valuestring,
	                    "2023-11-14T22:13:20.125Z");
	if (key)
		assert_string_equal(cJSON_GetObjectItem(o, key)->valuestring,
		                    value);
	cJSON_Delete(o);
	buf_free(&b);
}

static void news_is_a_line_of_json(void **state)
{
	struct news news = {
		.when = { 1700000000, 125999999 },
		.name = "web",
		.old_name = "shop",
		.from = MACHINE_STOPPED,
		.to = MACHINE_RUNNING,
		.why = "no \"space\" \\ left\x01",
	};

	(void)state;
	news.kind = NEWS_CREATED;
	assert_line(&news, "created", "state", "running");
	news.kind = NEWS_STATE;
	assert_line(&news, "state", "from", "stopped");
	assert_line(&news, "state", "to", "running");
	news.kind = NEWS_RENAMED;
	assert_line(&news, "renamed", "old", "shop");
	news.kind = NEWS_DELETED;
	assert_line(&news, "deleted", NULL, NULL);
	news.kind = NEWS_FAILED;
	assert_line(&news, "failed", "reason", news.why);
}

static void news_is_utf8_whatever_a_name_holds(void **state)
{
	static const struct {
		const char *why;
		const char *shown;
	} texts[] = {
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xe2\x82\xac \xf0\x9f\x90\x8b",
		  "\xe2\x82\xac \xf0\x9f\x90\x8b" },
		{ "a\xffz", "a\xef\xbf\xbdz" },
		{ "a\xc3", "a\xef\xbf\xbd" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
	};
	struct news news = {
		.kind = NEWS_FAILED,
		.when = { 1700000000, 125000000 },
		.name = "web",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		news.why = texts[i].why;
		assert_line(&news, "failed", "reason", texts[i].shown);
	}
}

static void birth_is_told_by_the_id_or_is_when_it_was_seen(void **state)
{
	struct acts f;

	(void)state;
	begin(&f);
	assert_int_equal(member_born(member(&f, "up")).tv_sec,
	                 HANDS_START_WALL);
	/* 2016-07-30T23:54:10.259Z, the specification's example. */
	puppet_add(f.engine, "old", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
	           MACHINE_RUNNING);
	hands_turn(f.hands, 5000);
	look(&f);
	assert_int_equal(member_born(member(&f, "old")).tv_sec, 1469922850);
	assert_int_equal(member_born(member(&f, "old")).tv_nsec, 259000000);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_changes_are_told_when_they_show),
		cmocka_unit_test(failures_are_told_with_their_reason),
		cmocka_unit_test(
			changes_made_elsewhere_are_told_with_the_next_list),
		cmocka_unit_test(first_list_is_no_news),
		cmocka_unit_test(snapshots_are_no_news),
		cmocka_unit_test(all_listeners_hear_until_they_leave),
		cmocka_unit_test(listeners_need_not_leave_before_the_end),
		cmocka_unit_test(news_is_a_line_of_json),
		cmocka_unit_test(news_is_utf8_whatever_a_name_holds),
		cmocka_unit_test(
			birth_is_told_by_the_id_or_is_when_it_was_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
