/*
 * What fs/drafts.h promises: a name that no machine can have makes a directory
 * of which the engine hears nothing, until it is renamed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fs/drafts.h"
#include "fs/platform.h"
#include "tests/puppet.h"
#include "tests/world.h"

static void begin(struct world *w)
{
	world_begin(w, &(struct world_spec){ .engine = puppet_new(),
	                                     .drafts = true });
	puppet_add(w->engine, "web", "1", MACHINE_RUNNING);
	puppet_at_once(w->engine, true);
}

static void end(struct world *w)
{
	world_end(w, puppet_stop);
	puppet_free(w->engine);
}

static uint64_t made(struct world *w, const char *name)
{
	struct fuse_entry_out e;

	assert_int_equal(kernel_mkdir(w->kernel, KERNEL_ROOT, name, &e), 0);
	assert_true(S_ISDIR(e.attr.mode));
	return e.nodeid;
}

static int move(struct world *w, const char *from, const char *to)
{
	return kernel_rename(w->kernel, KERNEL_ROOT, from, KERNEL_ROOT, to, 0);
}

static int look(struct world *w, const char *name)
{
	struct fuse_entry_out e;

	return kernel_lookup(w->kernel, KERNEL_ROOT, name, &e);
}

static void assert_lists(struct world *w, const char *names)
{
	char *text;

	assert_int_equal(kernel_ls(w->kernel, KERNEL_ROOT, &text), 0);
	if (!strstr(text, names))
		fail_msg("no '%s' in '%s'", names, text);
	free(text);
}

static unsigned n_asked(struct world *w)
{
	unsigned n = 0;

	for (int op = 0; op < ENGINE_N_OPS; op++)
		n += w->engine->n_asked[op];
	return n;
}

static void a_name_of_no_machine_makes_a_draft_without_the_engine(void **state)
{
	static const char *const names[] = {
		"untitled folder",
		"untitled folder 2",
		"Neuer Ordner",
		"Untitled Folder",
		"dossier sans titre",
		"\346\226\260\345\273\272\346\226\207\344\273\266\345\244\271",
		"u\314\210ber",
	};
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text;
		uint64_t ino = made(&w, names[i]);

		assert_int_equal(look(&w, names[i]), 0);
		assert_int_equal(kernel_ls(w.kernel, ino, &text), 0);
		assert_string_equal(text, ".\n..\n");
		free(text);
	}
	assert_int_equal(n_asked(&w), 0);
	assert_lists(&w, "web\nuntitled folder\nuntitled folder 2\nNeuer");
	assert_int_equal(w.engine->n_asked[ENGINE_CREATE], 0);
	end(&w);
}

static void without_drafts_such_a_name_is_refused(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, &(struct world_spec){ .engine = puppet_new() });
	puppet_at_once(w.engine, true);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "untitled folder",
	                              NULL),
	                 -EINVAL);
	assert_int_equal(look(&w, "untitled folder"), -ENOENT);
	end(&w);
}

static void what_is_hidden_or_no_name_at_all_makes_none(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, ".Trash-1000",
	                              NULL),
	                 -EPERM);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "-rf", NULL),
	                 -EINVAL);
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "a\nb", NULL),
	                 -EINVAL);
	assert_int_equal(n_asked(&w), 0);
	end(&w);
}

static void a_rename_to_a_good_name_makes_the_machine(void **state)
{
	struct fuse_entry_out e;
	struct world w;
	uint64_t ino;

	(void)state;
	begin(&w);
	ino = made(&w, "untitled folder");
	assert_int_equal(move(&w, "untitled folder", "shop"), 0);
	assert_int_equal(w.engine->n_asked[ENGINE_CREATE], 1);
	assert_string_equal(w.engine->last.name, "shop");
	assert_int_equal(look(&w, "untitled folder"), -ENOENT);
	/* The same inode is the machine's now. */
	assert_int_equal(kernel_lookup(w.kernel, KERNEL_ROOT, "shop", &e), 0);
	assert_int_equal(e.nodeid, ino);
	assert_int_equal(kernel_walk(w.kernel, "shop/state", &e), 0);
	assert_lists(&w, "web\nshop\n");
	end(&w);
}

static void a_node_that_the_machine_has_already_stays_its_own(void **state)
{
	const struct fuse_entry_out *e;
	struct world w;
	uint64_t draft;
	uint64_t id;
	uint64_t lookup;

	(void)state;
	begin(&w);
	draft = made(&w, "untitled folder");
	assert_int_equal(look(&w, "web"), 0); /* the list is at hand */
	puppet_at_once(w.engine, false);
	id = kernel_send_rename(w.kernel, KERNEL_ROOT, "untitled folder",
	                        KERNEL_ROOT, "shop", 0);
	world_settle(&w);
	lookup = kernel_send_lookup(w.kernel, KERNEL_ROOT, "shop");
	world_settle(&w);
	puppet_answer(w.engine, ENGINE_LIST, 0);
	assert_int_equal(kernel_wait(w.kernel, lookup, (const void **)&e, NULL,
	                             KERNEL_MS),
	                 0);
	assert_int_not_equal(e->nodeid, draft);
	puppet_at_once(w.engine, true);
	puppet_answer(w.engine, ENGINE_CREATE, 0);
	hands_turn(w.hands, 1000);
	assert_int_equal(kernel_wait_done(w.kernel, id), 0);
	assert_int_equal(look(&w, "untitled folder"), -ENOENT);
	assert_int_equal(look(&w, "shop"), 0);
	end(&w);
}

static void a_machine_that_cannot_be_made_leaves_the_draft(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	made(&w, "untitled folder");
	assert_int_equal(move(&w, "untitled folder", "web"), -EEXIST);
	assert_int_equal(look(&w, "untitled folder"), 0);
	puppet_refuse(w.engine, -ENOSPC);
	assert_int_equal(move(&w, "untitled folder", "shop"), -ENOSPC);
	assert_int_equal(look(&w, "untitled folder"), 0);
	puppet_refuse(w.engine, 0);
	assert_int_equal(move(&w, "untitled folder", "shop"), 0);
	end(&w);
}

static void a_rename_to_another_such_name_leaves_a_draft(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	made(&w, "untitled folder");
	made(&w, "untitled folder 2");
	assert_int_equal(move(&w, "untitled folder", "My Project"), 0);
	assert_int_equal(look(&w, "untitled folder"), -ENOENT);
	assert_lists(&w, "web\nMy Project\nuntitled folder 2\n");
	assert_int_equal(move(&w, "My Project", "untitled folder 2"), -EEXIST);
	assert_int_equal(move(&w, "My Project", ".hidden"), -EPERM);
	assert_int_equal(kernel_rename(w.kernel, KERNEL_ROOT, "My Project",
	                               KERNEL_ROOT, "shop", RENAME_EXCHANGE),
	                 -EINVAL);
	assert_int_equal(w.engine->n_asked[ENGINE_CREATE], 0);
	end(&w);
}

static void no_machine_becomes_a_draft(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(look(&w, "web"), 0);
	assert_int_equal(move(&w, "web", "My Web"), -EINVAL);
	assert_int_equal(look(&w, "web"), 0);
	assert_int_equal(w.engine->n_asked[ENGINE_RENAME], 0);
	end(&w);
}

static void a_removed_draft_is_gone_and_its_name_free(void **state)
{
	struct world w;
	uint64_t ino;

	(void)state;
	begin(&w);
	ino = made(&w, "untitled folder");
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "untitled folder",
	                              NULL),
	                 -EEXIST);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "untitled folder"),
	                 0);
	assert_int_equal(look(&w, "untitled folder"), -ENOENT);
	assert_int_equal(kernel_rmdir(w.kernel, KERNEL_ROOT, "untitled folder"),
	                 -ENOENT);
	assert_int_not_equal(made(&w, "untitled folder"), ino);
	assert_int_equal(w.engine->n_asked[ENGINE_DELETE], 0);
	end(&w);
}

static void nothing_is_made_in_a_draft(void **state)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	struct world w;
	uint64_t ino;

	(void)state;
	begin(&w);
	ino = made(&w, "untitled folder");
	assert_int_equal(kernel_mkdir(w.kernel, ino, "sub", NULL), -EPERM);
	assert_int_equal(kernel_create(w.kernel, ino, "notes.txt", 0600, 2, &e,
	                               &open),
	                 -EPERM);
	assert_int_equal(kernel_lookup(w.kernel, ino, "notes.txt", &e),
	                 -ENOENT);
	end(&w);
}

static void the_seventeenth_is_refused(void **state)
{
	struct world w;
	char name[32];

	(void)state;
	begin(&w);
	for (int i = 0; i < DRAFTS_MAX; i++) {
		snprintf(name, sizeof(name), "untitled folder %d", i);
		made(&w, name);
	}
	assert_int_equal(kernel_mkdir(w.kernel, KERNEL_ROOT, "one more", NULL),
	                 -ENOSPC);
	assert_int_equal(
		kernel_rmdir(w.kernel, KERNEL_ROOT, "untitled folder 3"), 0);
	made(&w, "one more");
	end(&w);
}

static void a_draft_that_nobody_looks_up_is_gone_after_a_while(void **state)
{
	struct fuse_attr before;
	struct fuse_attr after;
	struct world w;

	(void)state;
	begin(&w);
	made(&w, "untitled folder");
	made(&w, "other folder");
	hands_turn(w.hands, DRAFTS_MS - 1000);
	assert_int_equal(look(&w, "other folder"), 0);
	assert_int_equal(kernel_getattr(w.kernel, KERNEL_ROOT, &before), 0);
	hands_turn(w.hands, 2000);
	/* The root's time tells that a listing is old. */
	assert_int_equal(kernel_getattr(w.kernel, KERNEL_ROOT, &after), 0);
	assert_true(after.mtime > before.mtime);
	assert_int_equal(after.nlink, before.nlink - 1);
	assert_int_equal(look(&w, "untitled folder"), -ENOENT);
	assert_int_equal(look(&w, "other folder"), 0);
	end(&w);
}

static void the_root_changes_with_its_drafts(void **state)
{
	struct fuse_attr attr[2];
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(kernel_getattr(w.kernel, KERNEL_ROOT, &attr[0]), 0);
	hands_turn(w.hands, 10);
	made(&w, "untitled folder");
	assert_int_equal(kernel_getattr(w.kernel, KERNEL_ROOT, &attr[1]), 0);
	assert_true(attr[1].mtime > attr[0].mtime ||
	            (attr[1].mtime == attr[0].mtime &&
	             attr[1].mtimensec > attr[0].mtimensec));
	assert_int_equal(attr[1].nlink, attr[0].nlink + 1);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_name_of_no_machine_makes_a_draft_without_the_engine),
		cmocka_unit_test(without_drafts_such_a_name_is_refused),
		cmocka_unit_test(what_is_hidden_or_no_name_at_all_makes_none),
		cmocka_unit_test(a_rename_to_a_good_name_makes_the_machine),
		cmocka_unit_test(
			a_node_that_the_machine_has_already_stays_its_own),
		cmocka_unit_test(
			a_machine_that_cannot_be_made_leaves_the_draft),
		cmocka_unit_test(a_rename_to_another_such_name_leaves_a_draft),
		cmocka_unit_test(no_machine_becomes_a_draft),
		cmocka_unit_test(a_removed_draft_is_gone_and_its_name_free),
		cmocka_unit_test(nothing_is_made_in_a_draft),
		cmocka_unit_test(the_seventeenth_is_refused),
		cmocka_unit_test(
			a_draft_that_nobody_looks_up_is_gone_after_a_while),
		cmocka_unit_test(the_root_changes_with_its_drafts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
