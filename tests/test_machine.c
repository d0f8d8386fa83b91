/*
 * What machine.h promises: records out of orbctl's answers, whatever else is
 * in them, names that are safe to hand on, and a config that can be read,
 * changed and written back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "ops/machine.h"
#include "tests/fail_alloc.h"

/* ---- samples ------------------------------------------------------------- */

#define ULID "01K2G8TY5GM9C3CN95KCB4ZG8B"
#define BORN_MS INT64_C(1755040282800)

/* As versions 2.0 and 2.2 of orbctl print them. */
#define RECORD_20                                                              \
	"{\"id\": \"" ULID "\", \"name\": \"web-server\",\n"                   \
	"    \"image\": {\"distro\": \"ubuntu\", \"version\": \"jammy\", "     \
	"\"arch\": \"arm64\", \"variant\": \"default\"},\n"                    \
	"    \"config\": {\"isolated\": false, "                               \
	"\"default_username\": \"ubuntu\"},\n"                                 \
	"    \"builtin\": false, \"state\": \"running\"}"
#define RECORD_22                                                              \
	"{\n  \"id\": \"01KTK0Z3AAAAAAAAAAAAAAAAAA\",\n  \"name\": \"db\",\n"  \
	"  \"image\": {\"distro\": \"ubuntu\", \"version\": \"noble\", "       \
	"\"arch\": \"amd64\", \"variant\": \"cloud\"},\n"                      \
	"  \"config\": {\n    \"isolated\": true,\n"                           \
	"    \"forward_ssh_agent\": true,\n"                                   \
	"    \"isolate_network\": false,\n"                                    \
	"    \"mounts\": [{\"source\": \"/a\", \"destination\": \"/b\"}],\n"   \
	"    \"cpu_limit\": 1.5,\n    \"memory_limit_mib\": 2048,\n"           \
	"    \"disk_limit_bytes\": 68719476736,\n"                             \
	"    \"default_username\": \"dev\",\n    \"http_port\": 0,\n"          \
	"    \"https_port\": 0\n  },\n"                                        \
	"  \"builtin\": false,\n  \"state\": \"stopped\"\n}"
#define LIST "[\n  " RECORD_20 ",\n  " RECORD_22 "\n]\n"
#define INFO                                                                   \
	"{\n  \"record\": " RECORD_20 ",\n  \"disk_size\": 962924544,\n"       \
	"  \"ip4\": \"198.19.249.76\",\n"                                      \
	"  \"ip6\": \"fd07:b51a:cc66:0:b476:dbff:fe73:161e\"\n}\n"
#define BOX                                                                                                              \
	"\n    ╭────────────────────────────────╮\n" \
	"    │   OrbStack update available!   │\n"                                                                   \
	"    │  Run \"orb update\" [to] update. │\n"                                                                 \
	"    ╰────────────────────────────────╯\n\n"

/* In tables, where two literals side by side look like a missing comma. */
static const char box[] = BOX;
static const char record[] = RECORD_20;
static const char built_in[] =
	"{\"record\": {\"name\": \"k8s\", \"builtin\": true, \"state\": "
	"\"running\"}}";

/* A list of one record with that name, given as it stands in the JSON. */
static char *list_of_name(const char *quoted_name)
{
	char *text = NULL;

	assert_true(asprintf(&text,
	                     "[{\"name\": %s, \"id\": \"x\", \"state\": "
	                     "\"running\"}]",
	                     quoted_name) > 0);
	return text;
}

static int parse(const char *text, struct machine_list *list)
{
	return machine_parse_list(text, strlen(text), list);
}

/* Every machine is whole, whatever it was made of. */
static void check_machine(const struct machine *m)
{
	assert_true(machine_name_listed(m->name));
	assert_true(m->id && m->id[0]);
	assert_in_range(m->state, 0, MACHINE_N_STATES - 1);
	assert_true(m->cpus == -1 || m->cpus > 0);
	assert_true(m->memory >= -1 && m->disk >= -1 && m->disk_used >= -1);
	assert_in_range(m->isolated, MAYBE_NO, MAYBE_UNSAID);
}

static void check_list(const struct machine_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		check_machine(list->v[i]);
}

static void assert_empty(const struct machine_list *list)
{
	assert_null(list->v);
	assert_int_equal(list->n, 0);
}

/* That text is a list of n machines, of which so many make no sense. */
static void assert_list(const char *text, size_t n, size_t n_skipped)
{
	struct machine_list list;

	assert_int_equal(parse(text, &list), 0);
	check_list(&list);
	assert_int_equal(list.n, n);
	assert_int_equal(list.n_skipped, n_skipped);
	machine_list_free(&list);
}

static void assert_no_list(const char *text)
{
	struct machine_list list;

	if (parse(text, &list) != -EPROTO)
		fail_msg("not refused: %s", text);
	assert_empty(&list);
}

/* The one machine of a list. */
static struct machine *only(const char *text)
{
	struct machine_list list;
	struct machine *m;

	assert_int_equal(parse(text, &list), 0);
	assert_int_equal(list.n, 1);
	m = list.v[0];
	list.v[0] = NULL;
	machine_list_free(&list);
	check_machine(m);
	return m;
}

static struct machine *info_of(const char *text)
{
	struct machine *m = NULL;

	assert_int_equal(machine_parse_info(text, strlen(text), &m), 0);
	check_machine(m);
	return m;
}

/* A machine of which everything is said. */
static struct machine *full_machine(void)
{
	return info_of("{\"record\": " RECORD_22 ", \"disk_size\": 997879808}");
}

static char *repeat(const char *word, size_t n)
{
	size_t len = strlen(word);
	char *text = malloc(len * n + 1);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, word, len);
	text[len * n] = '\0';
	return text;
}

/* ---- lists --------------------------------------------------------------- */

static void machine_reads_a_list_of_both_shapes(void **state)
{
	struct machine_list list;
	const struct machine *m;

	(void)state;
	assert_int_equal(parse(LIST, &list), 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.n_skipped, 0);
	m = list.v[0];
	assert_string_equal(m->name, "web-server");
	assert_string_equal(m->id, ULID);
	assert_int_equal(m->state, MACHINE_RUNNING);
	assert_string_equal(m->distro, "ubuntu");
	assert_string_equal(m->version, "jammy");
	assert_string_equal(m->arch, "arm64");
	assert_string_equal(m->variant, "default");
	assert_string_equal(m->user, "ubuntu");
	assert_int_equal(m->isolated, MAYBE_NO);
	assert_int_equal(m->isolate_network, MAYBE_UNSAID);
	assert_int_equal(m->forward_ssh_agent, MAYBE_UNSAID);
	assert_true(m->cpus == -1);
	assert_int_equal(m->memory, -1);
	assert_int_equal(m->disk, -1);
	assert_int_equal(m->disk_used, -1);
	assert_null(m->ip4);
	assert_null(m->ip6);
	m = list.v[1];
	assert_string_equal(m->name, "db");
	assert_int_equal(m->state, MACHINE_STOPPED);
	assert_string_equal(m->variant, "cloud");
	assert_int_equal(m->isolated, MAYBE_YES);
	assert_int_equal(m->isolate_network, MAYBE_NO);
	assert_int_equal(m->forward_ssh_agent, MAYBE_YES);
	assert_true(m->cpus == 1.5);
	assert_int_equal(m->memory, INT64_C(2048) << 20);
	assert_int_equal(m->disk, INT64_C(64) << 30);
	machine_list_free(&list);
}

static void machine_reads_an_empty_list_in_each_of_its_forms(void **state)
{
	static const char *const empty[] = {
		"",           "\n",       " \t\n",  "[]",
		"[ \n ]\n",   "null",     "null\n", " null ",
		BOX "null\n", BOX "[]\n", "[]" BOX,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		assert_list(empty[i], 0, 0);
}

static void machine_passes_over_the_update_box_around_an_answer(void **state)
{
	struct machine *m;

	(void)state;
	assert_list(BOX LIST, 2, 0);
	assert_list(LIST BOX, 2, 0);
	assert_list("Starting OrbStack...\n" LIST, 2, 0);
	assert_list("\t " LIST, 2, 0);
	m = info_of(BOX INFO);
	assert_string_equal(m->ip4, "198.19.249.76");
	machine_free(m);
	m = info_of(INFO BOX);
	machine_free(m);
}

static void machine_refuses_what_is_no_list(void **state)
{
	static const char *const bad[] = {
		box,
		"[",
		"[\n",
		"[,]",
		"[{}",
		"[{},",
		"[{},]",
		"[{} {}]",
		"[nul]",
		"nul",
		"nullnull",
		"{\"a\": 1}",
		"hello [1]",
		"[{\"name\": \"a\", \"state\": \"running\"}",
		"[{\"name\": \"a\", \"state\": \"runn",
		"[[[[[",
		"[\"\\ud83d\"]",
		"\xff\xfe\x01",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_no_list(bad[i]);
}

static void machine_never_takes_a_list_that_breaks_off_for_whole(void **state)
{
	size_t len = strlen(LIST);
	struct machine_list list;

	(void)state;
	/* Behind the last bracket there is only a newline. Each is tried in
	 * memory of its own size, so that a step beyond is seen. */
	for (size_t cut = 1; cut < len - 1; cut++) {
		char *text = malloc(cut);

		assert_non_null(text);
		memcpy(text, LIST, cut);
		assert_int_equal(machine_parse_list(text, cut, &list), -EPROTO);
		assert_empty(&list);
		free(text);
	}
}

static void machine_info_that_breaks_off_is_refused(void **state)
{
	size_t len = strlen(INFO);
	struct machine *m;

	(void)state;
	for (size_t cut = 0; cut < len - 1; cut++) {
		char *text = malloc(cut + 1);

		assert_non_null(text);
		memcpy(text, INFO, cut);
		m = (struct machine *)text;
		assert_int_equal(machine_parse_info(text, cut, &m), -EPROTO);
		assert_null(m);
		free(text);
	}
}

/* Every bit of a valid answer, turned over one at a time. */
static void machine_survives_every_flipped_bit(void **state)
{
	char list_text[] = LIST;
	char info_text[] = INFO;
	size_t n_read = 0;

	(void)state;
	for (size_t bit = 0; bit < 8 * (sizeof(list_text) - 1); bit++) {
		struct machine_list list;
		int err;

		list_text[bit / 8] ^= (char)(1 << bit % 8);
		err = machine_parse_list(list_text, sizeof(list_text) - 1,
		                         &list);
		list_text[bit / 8] ^= (char)(1 << bit % 8);
		assert_true(err == 0 || err == -EPROTO);
		check_list(&list);
		n_read += list.n;
		machine_list_free(&list);
	}
	assert_true(n_read > 0);
	for (size_t bit = 0; bit < 8 * (sizeof(info_text) - 1); bit++) {
		struct machine *m = NULL;
		int err;

		info_text[bit / 8] ^= (char)(1 << bit % 8);
		err = machine_parse_info(info_text, sizeof(info_text) - 1, &m);
		info_text[bit / 8] ^= (char)(1 << bit % 8);
		assert_true(err == 0 || err == -EPROTO);
		assert_true(!err == !!m);
		if (m)
			check_machine(m);
		machine_free(m);
	}
}

static void machine_skips_records_that_make_no_sense(void **state)
{
	static const char *const odd[] = {
		"null",
		"42",
		"\"text\"",
		"[]",
		"true",
		"{}",
		"{\"name\": \"a\"}",
		"{\"state\": \"running\"}",
		"{\"name\": 7, \"state\": \"running\"}",
		"{\"name\": null, \"state\": \"running\"}",
		"{\"name\": {\"a\": 1}, \"state\": \"running\"}",
		"{\"name\": \"a\", \"state\": 1e999}",
		"{\"name\": \"a\", \"state\": []}",
		"{\"name\": \"a\", \"state\": \"\"}",
		"{\"NAME\": \"a\", \"state\": \"running\"}",
	};
	char *text = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_true(asprintf(&text,
		                     "[" RECORD_20 ", %s, " RECORD_22 "]",
		                     odd[i]) > 0);
		assert_list(text, 2, 1);
		free(text);
	}
}

static void machine_counts_values_of_the_wrong_type_as_unsaid(void **state)
{
	struct machine *m = only(
		"[{\"name\": \"odd\", \"id\": 5, \"image\": {\"distro\": 1, "
		"\"version\": null, \"arch\": [], \"variant\": {}}, "
		"\"config\": {\"default_username\": 0, \"cpu_limit\": \"two\", "
		"\"memory_limit_mib\": -4, \"disk_limit_bytes\": 1e300, "
		"\"isolated\": \"yes\", \"isolate_network\": 1, "
		"\"forward_ssh_agent\": null}, \"builtin\": \"no\", "
		"\"state\": \"running\"}]");

	(void)state;
	assert_string_equal(m->id, "?");
	assert_null(m->distro);
	assert_null(m->version);
	assert_null(m->arch);
	assert_null(m->variant);
	assert_null(m->user);
	assert_true(m->cpus == -1);
	assert_int_equal(m->memory, -1);
	assert_int_equal(m->disk, -1);
	assert_int_equal(m->isolated, MAYBE_UNSAID);
	assert_int_equal(m->isolate_network, MAYBE_UNSAID);
	assert_int_equal(m->forward_ssh_agent, MAYBE_UNSAID);
	machine_free(m);
	m = only("[{\"name\": \"odd\", \"image\": null, \"config\": [], "
	         "\"state\": \"stopped\"}]");
	assert_null(m->distro);
	assert_int_equal(m->isolated, MAYBE_UNSAID);
	machine_free(m);
}

static void machine_leaves_out_what_is_built_in(void **state)
{
	(void)state;
	assert_list("[{\"name\": \"docker\", \"builtin\": true, \"state\": "
	            "\"running\"}, " RECORD_20 "]",
	            1, 1);
}

static void machine_ignores_keys_it_does_not_know(void **state)
{
	struct machine *m =
		only("[{\"zone\": {\"a\": [1, {\"b\": null}, []], \"name\": "
	             "\"no\"}, \"name\": \"web\", \"state2\": \"x\", "
	             "\"state\": \"running\", \"State\": \"stopped\"}]");

	(void)state;
	assert_string_equal(m->name, "web");
	assert_int_equal(m->state, MACHINE_RUNNING);
	machine_free(m);
}

static void machine_keeps_two_records_of_one_name(void **state)
{
	(void)state;
	assert_list("[" RECORD_20 "," RECORD_20 "]", 2, 0);
}

static void machine_knows_states_and_takes_other_words_for_busy(void **state)
{
	static const struct {
		const char *word;
		enum machine_state state;
	} rows[] = {
		{ "creating", MACHINE_CREATING },
		{ "starting", MACHINE_STARTING },
		{ "running", MACHINE_RUNNING },
		{ "RUNNING", MACHINE_RUNNING },
		{ "pausing", MACHINE_PAUSING },
		{ "paused", MACHINE_PAUSED },
		{ "stopping", MACHINE_STOPPING },
		{ "stopped", MACHINE_STOPPED },
		{ "deleting", MACHINE_DELETING },
		{ "failed", MACHINE_FAILED },
		{ "provisioning", MACHINE_CREATING },
		{ "error", MACHINE_FAILED },
		{ "unknown", MACHINE_UNKNOWN },
		{ "hibernating", MACHINE_UNKNOWN },
		{ "run", MACHINE_UNKNOWN },
		{ "runningx", MACHINE_UNKNOWN },
		{ "", MACHINE_UNKNOWN },
		{ "???", MACHINE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(machine_state_of(rows[i].word), rows[i].state);
	for (int i = 0; i < MACHINE_N_STATES; i++) {
		const char *word = machine_state_word((enum machine_state)i);

		assert_int_equal(machine_state_of(word), i);
	}
}

static void machine_bounds_nesting_and_text(void **state)
{
	char *deep = repeat("[", 100000);
	char *close = repeat("]", 100000);
	char *longest = repeat("n", MACHINE_LISTED_MAX);
	char *longer = repeat("n", MACHINE_LISTED_MAX + 1);
	char *huge = repeat("0123456789abcdef", 1 << 20);
	char *text = NULL;
	struct machine *m;

	(void)state;
	assert_no_list(deep);
	assert_true(asprintf(&text,
	                     "[{\"name\": \"deep\", \"state\": \"running\", "
	                     "\"pad\": %s%s}]",
	                     deep, close) > 0);
	assert_no_list(text);
	free(text);
	/* A value that is too long is unsaid, a name makes the record odd. */
	assert_true(asprintf(&text,
	                     "[{\"name\": \"%s\", \"id\": \"%s\", \"state\": "
	                     "\"running\", \"pad\": \"%s\"}]",
	                     longest, longer, huge) > 0);
	m = only(text);
	free(text);
	assert_string_equal(m->name, longest);
	assert_string_equal(m->id, "?");
	machine_free(m);
	assert_true(asprintf(&text, "\"%s\"", longer) > 0);
	free(longer);
	longer = list_of_name(text);
	assert_list(longer, 0, 1);
	free(text);
	free(deep);
	free(close);
	free(longest);
	free(longer);
	free(huge);
}

static void machine_reads_a_long_list(void **state)
{
	char *records = repeat(RECORD_22 ",", 2000);
	char *text = NULL;

	(void)state;
	assert_true(asprintf(&text, "[%s" RECORD_20 "]", records) > 0);
	assert_list(text, 2001, 0);
	free(text);
	free(records);
}

/* ---- names --------------------------------------------------------------- */

static void machine_leaves_out_names_that_could_be_mistaken(void **state)
{
	static const char *const hostile[] = {
		"\"\"",
		"\"-a\"",
		"\"--all\"",
		"\"-\"",
		"\".\"",
		"\"..\"",
		"\".x\"",
		"\"a/b\"",
		"\"/\"",
		"\"../../x\"",
		"\"new\\nline\"",
		"\"tab\\t\"",
		"\"esc\\u001b[2J\"",
		"\"\\u007f\"",
		"\"\\u0000\"",
	};
	static const char *const odd_but_fine[] = {
		"\"gr\303\266\303\237e\"",
		"\"\xe6\xa9\x9f\"",
		"\"caf\\u00e9\"",
		"\"pair-\\ud83d\\ude80\"",
		"\"quote-\\\"-\\\\\"",
		"\"Big Machine\"",
		"\"puppet.vagrant.local\"",
		"\"a_b@c:d\"",
		"\"all\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		char *text = list_of_name(hostile[i]);

		assert_list(text, 0, 1);
		free(text);
	}
	for (size_t i = 0; i < sizeof(odd_but_fine) / sizeof(odd_but_fine[0]);
	     i++) {
		char *text = list_of_name(odd_but_fine[i]);

		assert_list(text, 1, 0);
		free(text);
	}
}

static void machine_name_check_lets_only_good_names_through(void **state)
{
	static const struct {
		const char *name;
		int err;
	} rows[] = {
		{ "a", 0 },
		{ "0", 0 },
		{ "web", 0 },
		{ "web-1", 0 },
		{ "1st", 0 },
		{ "a--b", 0 },
		{ "stopped", 0 },
		{ "", -EINVAL },
		{ "-", -EINVAL },
		{ "-a", -EINVAL },
		{ "--all", -EINVAL },
		{ "a-", -EINVAL },
		{ "A", -EINVAL },
		{ "a.b", -EINVAL },
		{ "a_b", -EINVAL },
		{ "a b", -EINVAL },
		{ "a/b", -EINVAL },
		{ "a\n", -EINVAL },
		{ "a\xc3\xb6", -EINVAL },
		{ ".x", -EINVAL },
		{ "untitled folder", -EINVAL },
		{ "docker", -EINVAL },
		{ "k8s", -EINVAL },
		{ "all", -EINVAL },
		{ "none", -EINVAL },
		{ "default", -EINVAL },
		{ "stop", -EINVAL },
		{ "delete", -EINVAL },
		{ "version", -EINVAL },
		{ "add", -EINVAL },
	};
	char *longest = repeat("n", MACHINE_NAME_MAX);
	char *longer = repeat("n", MACHINE_NAME_MAX + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (machine_name_check(rows[i].name) != rows[i].err)
			fail_msg("name '%s'", rows[i].name);
	assert_int_equal(machine_name_check(longest), 0);
	assert_int_equal(machine_name_check(longer), -ENAMETOOLONG);
	free(longest);
	free(longer);
}

static void machine_name_that_can_be_given_can_be_listed(void **state)
{
	(void)state;
	for (int a = 0; a < 128; a++)
		for (int b = 0; b < 128; b++) {
			char name[3] = { (char)a, (char)b, '\0' };

			if (machine_name_check(name) == 0)
				assert_true(machine_name_listed(name));
		}
}

static void machine_born_ms_reads_the_time_in_an_id(void **state)
{
	static const struct {
		const char *id;
		int64_t ms;
	} rows[] = {
		{ ULID, BORN_MS },
		{ "01k2g8ty5gm9c3cn95kcb4zg8b", BORN_MS },
		{ "00000000000000000000000000", 0 },
		{ "7ZZZZZZZZZ0000000000000000", (INT64_C(1) << 48) - 1 },
		{ "80000000000000000000000000", -1 },
		{ "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", -1 },
		{ "01K2G8TY5GM9C3CN95KCB4ZG8", -1 },
		{ "01K2G8TY5GM9C3CN95KCB4ZG8BB", -1 },
		{ "01K2U8TY5GM9C3CN95KCB4ZG8B", -1 },
		{ "01K2G8TY5-M9C3CN95KCB4ZG8B", -1 },
		{ "?", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (machine_born_ms(rows[i].id) != rows[i].ms)
			fail_msg("id '%s': %lld", rows[i].id,
			         (long long)machine_born_ms(rows[i].id));
}

/* ---- info ---------------------------------------------------------------- */

static void machine_reads_what_only_info_tells(void **state)
{
	struct machine *m = info_of(INFO);

	(void)state;
	assert_string_equal(m->name, "web-server");
	assert_int_equal(m->disk_used, 962924544);
	assert_string_equal(m->ip4, "198.19.249.76");
	assert_string_equal(m->ip6, "fd07:b51a:cc66:0:b476:dbff:fe73:161e");
	machine_free(m);
}

static void machine_without_address_says_so_in_each_form(void **state)
{
	static const char *const forms[] = {
		"{\"record\": " RECORD_22 "}",
		"{\"record\": " RECORD_22 ", \"ip4\": null, \"ip6\": null}",
		"{\"record\": " RECORD_22 ", \"ip4\": \"\", \"ip6\": \"\"}",
		"{\"record\": " RECORD_22
		", \"ip4\": 7, \"ip6\": {}, \"disk_size\": \"big\"}",
		"{\"disk_size\": null, \"record\": " RECORD_22 "}",
		"{\"disk_size\": -5, \"record\": " RECORD_22 "}",
		"{\"disk_size\": 1e40, \"record\": " RECORD_22 "}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct machine *m = info_of(forms[i]);

		assert_null(m->ip4);
		assert_null(m->ip6);
		assert_int_equal(m->disk_used, -1);
		machine_free(m);
	}
}

static void machine_refuses_what_is_no_info(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"record\": null}",
		"{\"record\": []}",
		"{\"record\": {}}",
		"{\"record\": {\"name\": 5, \"state\": []}}",
		"{\"record\": {\"name\": \"-a\", \"state\": \"running\"}}",
		built_in,
		record,
		"Starting OrbStack\xff\x01...{not [json\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct machine *m = NULL;

		if (machine_parse_info(bad[i], strlen(bad[i]), &m) != -EPROTO)
			fail_msg("not refused: %s", bad[i]);
		assert_null(m);
	}
}

/* ---- records ------------------------------------------------------------- */

static void machine_new_knows_only_its_name(void **state)
{
	struct machine *m = machine_new("web", MACHINE_CREATING);

	(void)state;
	assert_non_null(m);
	check_machine(m);
	assert_string_equal(m->name, "web");
	assert_string_equal(m->id, "?");
	assert_int_equal(m->state, MACHINE_CREATING);
	assert_null(m->distro);
	assert_int_equal(m->memory, -1);
	machine_free(m);
	machine_free(NULL);
}

static void machine_copy_shares_nothing(void **state)
{
	struct machine *m = info_of(INFO);
	struct machine *c = machine_copy(m);

	(void)state;
	assert_non_null(c);
	machine_free(m);
	check_machine(c);
	assert_string_equal(c->name, "web-server");
	assert_string_equal(c->version, "jammy");
	assert_string_equal(c->user, "ubuntu");
	assert_string_equal(c->ip4, "198.19.249.76");
	assert_int_equal(c->disk_used, 962924544);
	machine_free(c);
}

/* ---- config -------------------------------------------------------------- */

static char *render(const struct machine *m)
{
	struct buf b = BUF_INIT(MACHINE_CONFIG_MAX);

	assert_int_equal(machine_render_config(m, &b), 0);
	return buf_detach(&b, NULL);
}

/* Write text to the config of m; why may be NULL. */
static int change(const struct machine *m, const char *text,
                  struct machine_changes *changes, char why[256])
{
	struct buf b = BUF_INIT(255);
	int err = machine_parse_changes(m, text, strlen(text), changes, &b);

	if (why)
		snprintf(why, 256, "%s", b.data ? b.data : "");
	if (err)
		for (int i = 0; i < MACHINE_N_KEYS; i++)
			assert_null(changes->value[i]);
	else
		assert_int_equal(b.len, 0);
	assert_null(b.data ? strchr(b.data, '\n') : NULL);
	buf_free(&b);
	return err;
}

static void assert_no_changes(const struct machine *m, const char *text)
{
	struct machine_changes changes;
	char why[256];
	int err = change(m, text, &changes, why);

	if (err)
		fail_msg("error %d, %s: %s", err, why, text);
	for (int i = 0; i < MACHINE_N_KEYS; i++)
		if (changes.value[i])
			fail_msg("%s becomes %s: %s",
			         machine_key_word((enum machine_key)i),
			         changes.value[i], text);
	machine_changes_free(&changes);
}

static void config_shows_what_is_known(void **state)
{
	struct machine *m = full_machine();
	struct machine *bare = machine_new("bare", MACHINE_CREATING);
	char *text = render(m);

	(void)state;
	assert_string_equal(text, "{\n"
	                          "\t\"name\":\t\"db\",\n"
	                          "\t\"id\":\t\"01KTK0Z3AAAAAAAAAAAAAAAAAA\",\n"
	                          "\t\"image\":\t{\n"
	                          "\t\t\"distro\":\t\"ubuntu\",\n"
	                          "\t\t\"version\":\t\"noble\",\n"
	                          "\t\t\"arch\":\t\"amd64\",\n"
	                          "\t\t\"variant\":\t\"cloud\"\n"
	                          "\t},\n"
	                          "\t\"user\":\t\"dev\",\n"
	                          "\t\"cpus\":\t1.5,\n"
	                          "\t\"memory\":\t2147483648,\n"
	                          "\t\"disk\":\t68719476736,\n"
	                          "\t\"isolated\":\ttrue,\n"
	                          "\t\"isolate_network\":\tfalse,\n"
	                          "\t\"forward_ssh_agent\":\ttrue,\n"
	                          "\t\"disk_used\":\t997879808,\n"
	                          "\t\"created\":\t\"2026-06-08T07:08:17Z\"\n"
	                          "}\n");
	free(text);
	text = render(bare);
	assert_string_equal(text, "{\n"
	                          "\t\"name\":\t\"bare\",\n"
	                          "\t\"id\":\t\"?\"\n"
	                          "}\n");
	free(text);
	machine_free(bare);
	machine_free(m);
}

static void config_read_and_written_back_changes_nothing(void **state)
{
	static const char *const infos[] = {
		INFO,
		"{\"record\": " RECORD_22 ", \"disk_size\": 997879808}",
		"{\"record\": {\"name\": \"a\", \"state\": \"running\"}}",
		/* What we would not let anybody write is there all the same. */
		"{\"record\": {\"name\": \"a\", \"state\": \"running\", "
		"\"config\": {\"default_username\": \"Jane.D\\u00f6 #1\", "
		"\"cpu_limit\": 12345, \"memory_limit_mib\": 0.3, "
		"\"disk_limit_bytes\": 1152921504606846975}}}",
		"{\"record\": {\"name\": \"q\\\"\\\\\", \"id\": \"\\\"\", "
		"\"state\": \"x\", \"config\": {\"default_username\": "
		"\"a\\\"b\", \"cpu_limit\": 0.1}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		struct machine *m = info_of(infos[i]);
		char *text = render(m);

		assert_true(machine_changes_complete(text, strlen(text)));
		assert_no_changes(m, text);
		free(text);
		machine_free(m);
	}
}

static void config_written_back_may_be_older_than_disk_used(void **state)
{
	struct machine *m = info_of(INFO);
	char *text = render(m);

	(void)state;
	m->disk_used += 4096;
	assert_no_changes(m, text);
	free(text);
	machine_free(m);
}

/* A line, its key, and what becomes of it; NULL: nothing changes. */
static const struct {
	const char *line;
	enum machine_key key;
	const char *value;
} good_lines[] = {
	{ "user root", MACHINE_KEY_USER, "root" },
	{ "user _svc-1.x", MACHINE_KEY_USER, "_svc-1.x" },
	{ "user dev", MACHINE_KEY_USER, NULL },
	{ "cpus 2", MACHINE_KEY_CPUS, "2" },
	{ "cpus 0.5", MACHINE_KEY_CPUS, "0.5" },
	{ "cpus 4096", MACHINE_KEY_CPUS, "4096" },
	{ "cpus 0", MACHINE_KEY_CPUS, "0" },
	{ "cpus 1.50", MACHINE_KEY_CPUS, NULL },
	{ "memory 4G", MACHINE_KEY_MEMORY, "4294967296" },
	{ "memory 4g", MACHINE_KEY_MEMORY, "4294967296" },
	{ "memory 4GB", MACHINE_KEY_MEMORY, "4294967296" },
	{ "memory 4GiB", MACHINE_KEY_MEMORY, "4294967296" },
	{ "memory 1.5G", MACHINE_KEY_MEMORY, "1610612736" },
	{ "memory 512M", MACHINE_KEY_MEMORY, "536870912" },
	{ "memory 512k", MACHINE_KEY_MEMORY, "524288" },
	{ "memory 1T", MACHINE_KEY_MEMORY, "1099511627776" },
	{ "memory 1073741824", MACHINE_KEY_MEMORY, "1073741824" },
	{ "memory 1073741824B", MACHINE_KEY_MEMORY, "1073741824" },
	{ "memory 0", MACHINE_KEY_MEMORY, "0" },
	{ "memory 2G", MACHINE_KEY_MEMORY, NULL },
	{ "memory 2048M", MACHINE_KEY_MEMORY, NULL },
	{ "disk 0", MACHINE_KEY_DISK, "0" },
	{ "disk 1.5", MACHINE_KEY_DISK, "1" },
	{ "disk 64GiB", MACHINE_KEY_DISK, NULL },
	{ "isolated false", MACHINE_KEY_ISOLATED, "false" },
	{ "isolated true", MACHINE_KEY_ISOLATED, NULL },
	{ "isolate_network true", MACHINE_KEY_ISOLATE_NETWORK, "true" },
	{ "isolate_network false", MACHINE_KEY_ISOLATE_NETWORK, NULL },
	{ "forward_ssh_agent false", MACHINE_KEY_FORWARD_SSH_AGENT, "false" },
	{ "  \tcpus \t 2 \t\r\n", MACHINE_KEY_CPUS, "2" },
	{ "# cpus 9\n\n\r\n  # x\ncpus 2\n#", MACHINE_KEY_CPUS, "2" },
	{ "cpus 7\ncpus 2\n", MACHINE_KEY_CPUS, "2" },
	{ "cpus 7\ncpus 1.5\n", MACHINE_KEY_CPUS, NULL },
};

static void config_takes_lines(void **state)
{
	struct machine *m = full_machine();

	(void)state;
	for (size_t i = 0; i < sizeof(good_lines) / sizeof(good_lines[0]);
	     i++) {
		const char *line = good_lines[i].line;
		struct machine_changes changes;
		char why[256];

		assert_true(machine_changes_complete(line, strlen(line)));
		if (change(m, line, &changes, why) != 0)
			fail_msg("'%s': %s", line, why);
		for (int k = 0; k < MACHINE_N_KEYS; k++) {
			const char *value = changes.value[k];

			if ((enum machine_key)k != good_lines[i].key ||
			    !good_lines[i].value)
				assert_null(value);
			else if (!value ||
			         strcmp(value, good_lines[i].value) != 0)
				fail_msg("'%s' gives %s", line,
				         value ? value : "nothing");
		}
		machine_changes_free(&changes);
	}
	assert_no_changes(m, "");
	assert_no_changes(m, "\n \n");
	machine_free(m);
}

static void config_refuses_bad_lines_and_names_the_key(void **state)
{
	static const struct {
		const char *line;
		int err;
		const char *word; /* that the reason has */
	} rows[] = {
		{ "user", -EINVAL, "user" },
		{ "user Root", -EINVAL, "user" },
		{ "user 1a", -EINVAL, "user" },
		{ "user -x", -EINVAL, "user" },
		{ "user a b", -EINVAL, "user" },
		{ "user a/b", -EINVAL, "user" },
		{ "user a23456789012345678901234567890123", -EINVAL, "user" },
		{ "cpus", -EINVAL, "cpus" },
		{ "cpus -1", -EINVAL, "cpus" },
		{ "cpus +1", -EINVAL, "cpus" },
		{ "cpus 4097", -EINVAL, "cpus" },
		{ "cpus 1e999", -EINVAL, "cpus" },
		{ "cpus nan", -EINVAL, "cpus" },
		{ "cpus inf", -EINVAL, "cpus" },
		{ "cpus two", -EINVAL, "cpus" },
		{ "cpus 2x", -EINVAL, "cpus" },
		{ "cpus 2 3", -EINVAL, "cpus" },
		{ "memory", -EINVAL, "memory" },
		{ "memory G", -EINVAL, "memory" },
		{ "memory -1G", -EINVAL, "memory" },
		{ "memory 4X", -EINVAL, "memory" },
		{ "memory 4Gx", -EINVAL, "memory" },
		{ "memory 4 G", -EINVAL, "memory" },
		{ "memory 9999999999T", -EINVAL, "memory" },
		{ "memory 1e999", -EINVAL, "memory" },
		{ "disk much", -EINVAL, "disk" },
		{ "isolated", -EINVAL, "isolated" },
		{ "isolated yes", -EINVAL, "isolated" },
		{ "isolated True", -EINVAL, "isolated" },
		{ "isolate_network 1", -EINVAL, "isolate_network" },
		{ "forward_ssh_agent no", -EINVAL, "forward_ssh_agent" },
		{ "colour blue", -EINVAL, "'colour'" },
		{ "CPUS 2", -EINVAL, "'CPUS'" },
		{ "cpus=2", -EINVAL, "'cpus=2'" },
		{ "cpus 2\ncolour blue\n", -EINVAL, "'colour'" },
		{ "[1]", -EINVAL, "'[1]'" },
		{ "name shop", -EPERM, "name" },
		{ "id x", -EPERM, "id" },
		{ "image debian", -EPERM, "image" },
		{ "disk_used 0", -EPERM, "disk_used" },
		{ "created never", -EPERM, "created" },
		{ "cpus 2\nname shop", -EPERM, "name" },
	};
	struct machine *m = full_machine();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_changes changes;
		char why[256];
		int err = change(m, rows[i].line, &changes, why);

		if (err != rows[i].err || !strstr(why, rows[i].word))
			fail_msg("'%s': %d, '%s'", rows[i].line, err, why);
	}
	assert_no_changes(m, "name db\nid 01KTK0Z3AAAAAAAAAAAAAAAAAA\n"
	                     "created 2026-06-08T07:08:17Z\n");
	machine_free(m);
}

static void config_takes_objects(void **state)
{
	struct machine *m = full_machine();
	struct machine_changes changes;

	(void)state;
	assert_int_equal(
		change(m,
	               "\n {\"cpus\": 2, \"memory\": \"4G\", \"disk\": 0, "
	               "\"user\": \"root\", \"isolated\": false,\n"
	               "\"isolate_network\": \"true\", \"name\": \"db\"}\n",
	               &changes, NULL),
		0);
	assert_string_equal(changes.value[MACHINE_KEY_CPUS], "2");
	assert_string_equal(changes.value[MACHINE_KEY_MEMORY], "4294967296");
	assert_string_equal(changes.value[MACHINE_KEY_DISK], "0");
	assert_string_equal(changes.value[MACHINE_KEY_USER], "root");
	assert_string_equal(changes.value[MACHINE_KEY_ISOLATED], "false");
	assert_string_equal(changes.value[MACHINE_KEY_ISOLATE_NETWORK], "true");
	assert_null(changes.value[MACHINE_KEY_FORWARD_SSH_AGENT]);
	machine_changes_free(&changes);
	assert_no_changes(m, "{}");
	assert_no_changes(m, "{\"cpus\": 9, \"cpus\": 1.5}");
	machine_free(m);
}

static void config_refuses_bad_objects(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *word;
	} rows[] = {
		{ "{", -EINVAL, "object" },
		{ "{\"cpus\": 2", -EINVAL, "object" },
		{ "{\"cpus\": 2}}", -EINVAL, "object" },
		{ "{\"cpus\": 2} x", -EINVAL, "object" },
		{ "{cpus: 2}", -EINVAL, "object" },
		{ "{\"cpus\": null}", -EINVAL, "cpus" },
		{ "{\"cpus\": true}", -EINVAL, "cpus" },
		{ "{\"cpus\": []}", -EINVAL, "cpus" },
		{ "{\"cpus\": {}}", -EINVAL, "cpus" },
		{ "{\"cpus\": -1}", -EINVAL, "cpus" },
		{ "{\"isolated\": 1}", -EINVAL, "isolated" },
		{ "{\"user\": 5}", -EINVAL, "user" },
		{ "{\"user\": \"a\\nb\"}", -EINVAL, "user" },
		{ "{\"memory\": 1e300}", -EINVAL, "memory" },
		{ "{\"colour\": 1}", -EINVAL, "colour" },
		{ "{\"col\\nour\": 1}", -EINVAL, "our" },
		{ "{\"Cpus\": 1}", -EINVAL, "Cpus" },
		{ "{\"cpus\": 2, \"name\": \"shop\"}", -EPERM, "name" },
		{ "{\"name\": null}", -EPERM, "name" },
		{ "{\"image\": {}}", -EPERM, "image" },
		{ "{\"image\": \"debian\"}", -EPERM, "image" },
		{ "{\"created\": 0}", -EPERM, "created" },
	};
	struct machine *m = full_machine();
	struct machine_changes changes;
	char *deep = repeat("{\"cpus\":", 5000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[256];
		int err = change(m, rows[i].text, &changes, why);

		if (err != rows[i].err || !strstr(why, rows[i].word))
			fail_msg("'%s': %d, '%s'", rows[i].text, err, why);
	}
	assert_int_equal(change(m, deep, &changes, NULL), -EINVAL);
	free(deep);
	machine_free(m);
}

static void config_refuses_nul_and_what_is_too_long(void **state)
{
	struct machine *m = full_machine();
	char *text = repeat("#", MACHINE_CONFIG_MAX + 1);
	struct machine_changes changes;
	struct buf why = BUF_INIT(255);

	(void)state;
	assert_int_equal(machine_parse_changes(m, text, MACHINE_CONFIG_MAX,
	                                       &changes, &why),
	                 0);
	assert_int_equal(machine_parse_changes(m, text, MACHINE_CONFIG_MAX + 1,
	                                       &changes, &why),
	                 -EINVAL);
	assert_true(why.len > 0);
	buf_reset(&why);
	assert_int_equal(machine_parse_changes(m, "cpus 2\n\0", 8, &changes,
	                                       &why),
	                 -EINVAL);
	assert_true(why.len > 0);
	buf_free(&why);
	free(text);
	machine_free(m);
}

static void config_tells_whether_an_object_is_complete(void **state)
{
	static const struct {
		const char *text;
		bool complete;
	} rows[] = {
		{ "", true },
		{ "\n", true },
		{ "cpus 2", true },
		{ "cpus {", true },
		{ "{}", true },
		{ " {} x", true },
		{ "{\"a\": \"}\"}", true },
		{ "{\"a\": \"\\\"}\"}", true },
		{ "{\"a\": [1, {}]}", true },
		{ "{", false },
		{ "\n\t{ ", false },
		{ "{\"a\": {}", false },
		{ "{\"a\": [}", false },
		{ "{\"a\": \"}", false },
		{ "{\"a\": \"\\\"}", false },
		{ "{\"a\\", false },
	};
	struct machine *m = full_machine();
	char *text = render(m);
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (machine_changes_complete(rows[i].text,
		                             strlen(rows[i].text)) !=
		    rows[i].complete)
			fail_msg("'%s'", rows[i].text);
	for (size_t cut = 1; cut < len - 1; cut++)
		assert_false(machine_changes_complete(text, cut));
	assert_true(machine_changes_complete(text, len - 1));
	free(text);
	machine_free(m);
}

static void config_survives_every_flipped_bit(void **state)
{
	struct machine *m = full_machine();
	char *text = render(m);
	size_t len = strlen(text);

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		struct machine_changes changes;
		struct buf why = BUF_INIT(255);
		int err;

		text[bit / 8] ^= (char)(1 << bit % 8);
		err = machine_parse_changes(m, text, len, &changes, &why);
		text[bit / 8] ^= (char)(1 << bit % 8);
		assert_true(err == 0 || err == -EINVAL || err == -EPERM);
		assert_true(err == 0 || why.len > 0 || why.err);
		machine_changes_free(&changes);
		buf_free(&why);
	}
	free(text);
	machine_free(m);
}

static void config_key_words_are_those_that_are_taken(void **state)
{
	struct machine *m = machine_new("a", MACHINE_STOPPED);

	(void)state;
	for (int k = 0; k < MACHINE_N_KEYS; k++) {
		const char *word = machine_key_word((enum machine_key)k);
		struct machine_changes changes;
		char line[80];

		snprintf(line, sizeof(line), "%s %s", word,
		         k == MACHINE_KEY_USER      ? "root"
		         : k < MACHINE_KEY_ISOLATED ? "1"
		                                    : "true");
		assert_int_equal(change(m, line, &changes, NULL), 0);
		assert_non_null(changes.value[k]);
		machine_changes_free(&changes);
	}
	machine_free(m);
}

/* ---- memory -------------------------------------------------------------- */

static void machine_survives_any_failing_allocation(void **state)
{
	struct machine *full = full_machine();
	unsigned n = 0;

	(void)state;
	while (fail_alloc_next(&n)) {
		struct machine_changes changes;
		struct machine_list list;
		struct machine *m = NULL;
		struct machine *c;
		struct buf b = BUF_INIT(4096);
		int err;

		err = machine_parse_list(LIST, strlen(LIST), &list);
		assert_true(err == 0 || err == -ENOMEM);
		machine_list_free(&list);
		err = machine_parse_info(INFO, strlen(INFO), &m);
		assert_true(err == 0 || err == -ENOMEM);
		machine_free(m);
		c = machine_copy(full);
		machine_free(c);
		machine_free(machine_new("a", MACHINE_CREATING));
		err = machine_render_config(full, &b);
		assert_true(err == 0 || err == -ENOMEM);
		buf_reset(&b);
		err = machine_parse_changes(full, "cpus 2\nuser dev", 15,
		                            &changes, &b);
		assert_true(err == 0 || err == -ENOMEM);
		machine_changes_free(&changes);
		err = machine_parse_changes(
			full, "{\"cpus\":2,\"disk\":\"1G\"}", 22, &changes, &b);
		assert_true(err == 0 || err == -ENOMEM);
		machine_changes_free(&changes);
		buf_free(&b);
	}
	assert_true(n > 40);
	machine_free(full);
}

/* cJSON cannot tell no memory from bad text, and does not have to. */
static void machine_survives_a_json_library_without_memory(void **state)
{
	cJSON_Hooks hooks = { fail_alloc_malloc, free };
	struct machine *full = full_machine();
	unsigned n = 0;

	(void)state;
	cJSON_InitHooks(&hooks);
	while (fail_alloc_next(&n)) {
		struct machine_changes changes;
		struct machine_list list;
		struct machine *m = NULL;
		struct buf b = BUF_INIT(4096);

		if (machine_parse_list(LIST, strlen(LIST), &list))
			assert_empty(&list);
		else
			assert_int_equal(list.n, 2);
		machine_list_free(&list);
		if (machine_parse_info(INFO, strlen(INFO), &m))
			assert_null(m);
		machine_free(m);
		if (!machine_render_config(full, &b))
			assert_non_null(strstr(b.data, "created"));
		buf_reset(&b);
		if (machine_parse_changes(full, "{\"cpus\":2,\"disk\":\"1G\"}",
		                          22, &changes, &b) == 0)
			assert_non_null(changes.value[MACHINE_KEY_DISK]);
		else
			assert_null(changes.value[MACHINE_KEY_CPUS]);
		machine_changes_free(&changes);
		buf_free(&b);
	}
	assert_true(n > 100);
	cJSON_InitHooks(NULL);
	machine_free(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machine_reads_a_list_of_both_shapes),
		cmocka_unit_test(
			machine_reads_an_empty_list_in_each_of_its_forms),
		cmocka_unit_test(
			machine_passes_over_the_update_box_around_an_answer),
		cmocka_unit_test(machine_refuses_what_is_no_list),
		cmocka_unit_test(
			machine_never_takes_a_list_that_breaks_off_for_whole),
		cmocka_unit_test(machine_info_that_breaks_off_is_refused),
		cmocka_unit_test(machine_survives_every_flipped_bit),
		cmocka_unit_test(machine_skips_records_that_make_no_sense),
		cmocka_unit_test(
			machine_counts_values_of_the_wrong_type_as_unsaid),
		cmocka_unit_test(machine_leaves_out_what_is_built_in),
		cmocka_unit_test(machine_ignores_keys_it_does_not_know),
		cmocka_unit_test(machine_keeps_two_records_of_one_name),
		cmocka_unit_test(
			machine_knows_states_and_takes_other_words_for_busy),
		cmocka_unit_test(machine_bounds_nesting_and_text),
		cmocka_unit_test(machine_reads_a_long_list),
		cmocka_unit_test(
			machine_leaves_out_names_that_could_be_mistaken),
		cmocka_unit_test(
			machine_name_check_lets_only_good_names_through),
		cmocka_unit_test(machine_name_that_can_be_given_can_be_listed),
		cmocka_unit_test(machine_born_ms_reads_the_time_in_an_id),
		cmocka_unit_test(machine_reads_what_only_info_tells),
		cmocka_unit_test(machine_without_address_says_so_in_each_form),
		cmocka_unit_test(machine_refuses_what_is_no_info),
		cmocka_unit_test(machine_new_knows_only_its_name),
		cmocka_unit_test(machine_copy_shares_nothing),
		cmocka_unit_test(config_shows_what_is_known),
		cmocka_unit_test(config_read_and_written_back_changes_nothing),
		cmocka_unit_test(
			config_written_back_may_be_older_than_disk_used),
		cmocka_unit_test(config_takes_lines),
		cmocka_unit_test(config_refuses_bad_lines_and_names_the_key),
		cmocka_unit_test(config_takes_objects),
		cmocka_unit_test(config_refuses_bad_objects),
		cmocka_unit_test(config_refuses_nul_and_what_is_too_long),
		cmocka_unit_test(config_tells_whether_an_object_is_complete),
		cmocka_unit_test(config_survives_every_flipped_bit),
		cmocka_unit_test(config_key_words_are_those_that_are_taken),
		cmocka_unit_test(machine_survives_any_failing_allocation),
		cmocka_unit_test(
			machine_survives_a_json_library_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
