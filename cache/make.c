/*
 * make: machines that come into being: created, copied, imported.
 *
 * The new machine is in the fleet from the first moment, in state creating,
 * with its act at the head of its queue; whatever is asked of it meanwhile
 * waits there. A copy also borrows the machine that it is made of: an act in
 * that one's queue which changes nothing, but has its turn there. Between the
 * two queues nothing can be stuck: a new machine waits for older ones only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/act.h"
#include "cache/snapshots.h"
#include "ops/archive.h"
#include "ops/create.h"

/* A machine in the making. */
struct making {
	struct act act;
	struct create create;  /* what it is to be like */
	char *data_path;       /* of the file with the cloud-init data */
	struct member *source; /* what it is a copy of, or NULL */
	struct act *loan;      /* of the source, while that lasts */
	char *path;            /* of the archive that it is made of, or NULL */
	struct archive *archive;
	struct act **handle;
};

static void begin_creation(struct act *act);
static void begin_copy(struct act *act);
static void begin_import(struct act *act);
static void begin_loan(struct act *act);
static void clear_making(struct act *act);

static const struct act_kind creation_kind = {
	.begin = begin_creation,
	.clear = clear_making,
};
static const struct act_kind copy_kind = {
	.begin = begin_copy,
	.clear = clear_making,
};
static const struct act_kind import_kind = {
	.begin = begin_import,
	.clear = clear_making,
};
static const struct act_kind loan_kind = {
	.begin = begin_loan,
	.reads = true,
};

static void clear_making(struct act *act)
{
	struct making *making = (struct making *)act;

	create_free(&making->create);
	if (making->data_path)
		unlink(making->data_path);
	free(making->data_path);
	free(making->path);
	member_unref(making->source);
}

/* The member and its act, which is in no queue yet. NULL and *err. */
static struct making *making_new(struct fleet *fleet, const char *name,
                                 const struct act_kind *kind,
                                 lifecycle_fn *done, void *arg, int *err)
{
	struct member *m = fleet_add(fleet, name, err);
	struct making *making = NULL;

	if (m)
		making = act_new(sizeof(*making), kind, m, done, arg);
	if (m && !making) {
		fleet_drop(m);
		*err = -ENOMEM;
	}
	return making;
}

/* Neither the member nor its act come to be. */
static void making_free(struct making *making)
{
	fleet_drop(making->act.member);
	act_free(&making->act);
}

/* ---- the end ---- */

/* The machine is there, and this is what the engine says of it, if anything. */
static void succeed(struct making *making, struct machine *machine)
{
	struct member *m = making->act.member;
	struct machine *copy = machine ? machine_copy(machine) : NULL;

	if (copy)
		fleet_take(m, copy);
	if (machine) {
		machine_free(m->info);
		m->info = machine;
		slot_put(&m->info_slot);
	} else {
		/* The next list tells the rest. */
		act_set_state(m, making->act.kind == &creation_kind
		                         ? MACHINE_RUNNING
		                         : MACHINE_STOPPED);
	}
	act_end(&making->act, 0, m);
}

static void fail(struct making *making, int err, const char *why)
{
	struct member *m = making->act.member;

	fleet_set_error(m->fleet, "%s: %s", m->name, why);
	if (m->of)
		member_set_error(m->of, "snapshot %s: %s", snapshot_word(m),
		                 why);
	member_set_error(m, "%s", why);
	if (making->act.done) {
		/* The one who asked hears of it; nothing stays behind. */
		fleet_drop(m);
		act_end(&making->act, err, NULL);
		return;
	}
	act_set_state(m, MACHINE_FAILED);
	act_end(&making->act, err, m);
}

/* A snapshot that ran, and was to be stopped. */
static void on_stopped(void *arg, int err, const char *why)
{
	struct making *making = arg;
	struct member *m = making->act.member;

	if (err)
		member_set_error(m->of ? m->of : m, "snapshot: %s", why);
	else
		act_set_state(m, MACHINE_STOPPED);
	act_end(&making->act, 0, m);
}

static void on_info(void *arg, int err, struct machine *machine,
                    const char *why)
{
	struct making *making = arg;
	struct member *m = making->act.member;
	struct engine_call call = { .op = ENGINE_STOP, .name = m->name };
	struct machine *copy;

	(void)err;
	(void)why;
	if (!machine || !m->of || machine->state != MACHINE_RUNNING) {
		succeed(making, machine);
		return;
	}
	copy = machine_copy(machine);
	if (copy)
		fleet_take(m, copy);
	machine_free(machine);
	engine_act(act_engine(&making->act), &call, act_id(m), on_stopped,
	           making);
}

static void on_made(void *arg, int err, const char *why)
{
	struct making *making = arg;
	struct member *m = making->act.member;

	if (err) {
		fail(making, err, why);
		return;
	}
	fleet_set_error(m->fleet, "%s", "");
	if (m->of)
		member_set_error(m->of, "%s", "");
	/* Its id and address are wanted at once. */
	engine_info(act_engine(&making->act), m->name, on_info, making);
}

/* ---- create ---- */

/* What is not given is as the fleet's defaults say, else as the daemon was
 * started with. 0 or -ENOMEM. */
static int choose(struct fleet *fleet, const struct lifecycle_new *new,
                  struct create *create)
{
	const struct fleet_spec *spec = fleet_spec(fleet);
	const struct create *defaults = fleet_defaults(fleet);
	const char *const given[CREATE_N_KEYS] = {
		[CREATE_IMAGE] = new->image,
		[CREATE_ARCH] = new->arch,
		[CREATE_USER] = new->user,
		[CREATE_CPUS] = new->cpus,
		[CREATE_MEMORY] = new->memory,
		[CREATE_DISK] = new->disk,
		[CREATE_ISOLATED] = new->isolated,
		[CREATE_ISOLATE_NETWORK] = new->isolate_network,
		[CREATE_USER_DATA] = new->user_data,
	};
	const char *const last[CREATE_N_KEYS] = {
		[CREATE_IMAGE] = spec->image,
		[CREATE_ARCH] = spec->arch,
		[CREATE_USER] = spec->user,
	};

	for (int i = 0; i < CREATE_N_KEYS; i++) {
		const char *value = given[i] ? given[i] : defaults->value[i];

		if (!value)
			value = last[i];
		if (value && !(create->value[i] = strdup(value)))
			return -ENOMEM;
	}
	return 0;
}

/* Of a text in the form of struct create; 0 is no limit. */
static double number(const char *text)
{
	return text ? strtod(text, NULL) : 0;
}

static bool is_true(const char *text)
{
	return text && strcmp(text, "true") == 0;
}

/* Programs read cloud-init data from a file of their own. 0 or an errno. */
static int write_data(struct making *making)
{
	static const char template[] = "/tmp/orbfs-user-data-XXXXXX";
	const char *text = making->create.value[CREATE_USER_DATA];
	size_t len = text ? strlen(text) : 0;
	ssize_t n;
	int fd;

	if (!text)
		return 0;
	making->data_path = strdup(template);
	if (!making->data_path)
		return -ENOMEM;
	fd = mkstemp(making->data_path);
	if (fd < 0) {
		free(making->data_path);
		making->data_path = NULL;
		return -errno;
	}
	n = write(fd, text, len);
	close(fd);
	return n == (ssize_t)len ? 0 : -EIO;
}

static void begin_creation(struct act *act)
{
	struct making *making = (struct making *)act;
	char *const *value = making->create.value;
	struct engine_call call = {
		.op = ENGINE_CREATE,
		.name = act->member->name,
		.image = value[CREATE_IMAGE],
		.arch = value[CREATE_ARCH],
		.user = value[CREATE_USER],
		.cpus = number(value[CREATE_CPUS]),
		.memory = (int64_t)number(value[CREATE_MEMORY]),
		.disk = (int64_t)number(value[CREATE_DISK]),
		.isolated = is_true(value[CREATE_ISOLATED]),
		.isolate_network = is_true(value[CREATE_ISOLATE_NETWORK]),
	};
	int err = write_data(making);

	call.user_data = making->data_path;
	act_show(act->member, MACHINE_CREATING);
	if (err)
		fail(making, err, "the cloud-init data cannot be written");
	else
		engine_act(act_engine(act), &call, NULL, on_made, making);
}

void lifecycle_create(struct fleet *fleet, const struct lifecycle_new *spec,
                      lifecycle_fn *done, void *arg)
{
	int err = fleet_check_name(fleet, spec->name, false);
	struct making *making = NULL;

	if (!err)
		making = making_new(fleet, spec->name, &creation_kind, done,
		                    arg, &err);
	if (making)
		err = choose(fleet, spec, &making->create);
	if (err) {
		if (making)
			making_free(making);
		done(arg, err, NULL);
		return;
	}
	act_be_patient(&making->act);
	act_enqueue(&making->act);
}

/* ---- import ---- */

static void on_imported(void *arg, int err, const char *why)
{
	struct making *making = arg;

	*making->handle = NULL;
	on_made(making, err, why);
}

static void begin_import(struct act *act)
{
	struct making *making = (struct making *)act;
	struct archive_spec spec = {
		.engine = act_engine(act),
		.clock = fleet_spec(act->member->fleet)->clock,
		.name = act->member->name,
		.path = making->path,
	};

	*making->handle = act;
	act_show(act->member, MACHINE_CREATING);
	archive_import(&spec, &making->archive, on_imported, making);
}

void lifecycle_import(struct fleet *fleet, const struct lifecycle_archive *spec,
                      struct act **handle, lifecycle_fn *done, void *arg)
{
	int err = fleet_check_name(fleet, spec->name, false);
	struct making *making = NULL;

	*handle = NULL;
	if (!err)
		making = making_new(fleet, spec->name, &import_kind, done, arg,
		                    &err);
	if (making)
		making->path = strdup(spec->path);
	if (!making || !making->path) {
		if (making)
			making_free(making);
		done(arg, err ? err : -ENOMEM, NULL);
		return;
	}
	making->handle = handle;
	act_enqueue(&making->act);
}

void lifecycle_import_cancel(struct act *import)
{
	if (import)
		archive_cancel(((struct making *)import)->archive);
}

/* ---- loans ---- */

static void begin_loan(struct act *act)
{
	act_answer(act, 0, act->member);
}

struct act *act_loan(struct member *m, lifecycle_fn *lent, void *arg)
{
	return act_new(sizeof(struct act), &loan_kind, m, lent, arg);
}

/* A loan of somebody's outside, who has a place for it. */
struct lending {
	struct act act;
	struct act **place;
	lifecycle_fn *lent;
	void *arg;
};

static void on_turn(void *arg, int err, struct member *m)
{
	struct lending *lending = arg;

	if (err)
		*lending->place = NULL;
	lending->lent(lending->arg, err, m);
}

void lifecycle_lend(struct member *m, struct act **loan, lifecycle_fn *lent,
                    void *arg)
{
	struct lending *lending =
		act_new(sizeof(*lending), &loan_kind, m, on_turn, NULL);

	*loan = NULL;
	if (!lending) {
		lent(arg, -ENOMEM, m);
		return;
	}
	lending->act.arg = lending;
	lending->place = loan;
	lending->lent = lent;
	lending->arg = arg;
	*loan = &lending->act;
	act_enqueue(&lending->act);
}

void lifecycle_return(struct act *loan)
{
	if (!loan)
		return;
	if (loan->member->acts == loan)
		act_end(loan, 0, loan->member);
	else
		act_withdraw(loan, -ECANCELED);
}

/* ---- clone, snapshot ---- */

static void on_copied(void *arg, int err, const char *why)
{
	struct making *making = arg;
	struct act *loan = making->loan;

	making->loan = NULL;
	act_end(loan, 0, NULL);
	on_made(making, err, why);
}

static void on_lent(void *arg, int err, struct member *source)
{
	struct making *making = arg;
	struct engine_call call = {
		.op = ENGINE_CLONE,
		.name = source->name,
		.new_name = making->act.member->name,
	};

	if (err) {
		making->loan = NULL;
		fail(making, err, "clone: its source is gone");
		return;
	}
	engine_act(act_engine(&making->act), &call, act_id(source), on_copied,
	           making);
}

static void begin_copy(struct act *act)
{
	struct making *making = (struct making *)act;

	act_show(act->member, MACHINE_CREATING);
	act_enqueue(making->loan);
}

/* Under a name that was checked. */
static void copy(struct member *m, const char *name, lifecycle_fn *done,
                 void *arg)
{
	int err;
	struct making *making =
		making_new(m->fleet, name, &copy_kind, done, arg, &err);

	if (making)
		making->loan = act_loan(m, on_lent, making);
	if (!making || !making->loan) {
		if (making)
			making_free(making);
		done(arg, -ENOMEM, NULL);
		return;
	}
	making->source = member_ref(m);
	act_be_patient(&making->act);
	act_enqueue(&making->act);
}

void lifecycle_clone(struct member *m, const char *name, lifecycle_fn *done,
                     void *arg)
{
	int err = fleet_check_name(m->fleet, name, false);

	if (!err && !m->listed)
		err = -ENOENT;
	if (err)
		done(arg, err, NULL);
	else
		copy(m, name, done, arg);
}

int act_check_snapshot(struct member *m, const char *word,
                       char name[SNAPSHOT_NAME_MAX])
{
	struct fleet *fleet = m->fleet;
	int err = m->listed ? snapshot_join(name, m->name, word) : -ENOENT;

	if (!err && (strcmp(word, SNAPSHOT_RESTORING) == 0 ||
	             strcmp(word, SNAPSHOT_REPLACED) == 0))
		err = -EINVAL;
	if (err == -ENAMETOOLONG)
		fleet_set_error(fleet,
		                "snapshot %.80s: the machine's name, --snap-- "
		                "and that have more than %d characters",
		                word, MACHINE_NAME_MAX);
	else if (err)
		fleet_set_error(fleet,
		                "'%.80s' cannot be a snapshot's name: lower "
		                "case letters, digits and hyphens can, and no "
		                "command of orbctl, '%s' or '%s'",
		                word, SNAPSHOT_RESTORING, SNAPSHOT_REPLACED);
	else
		err = fleet_check_name(fleet, name, true);
	if (err)
		member_set_error(m, "%s", fleet_error(fleet));
	return err;
}

void lifecycle_snapshot(struct member *m, const char *word, lifecycle_fn *done,
                        void *arg)
{
	char name[SNAPSHOT_NAME_MAX];
	int err = act_check_snapshot(m, word, name);

	if (err)
		done(arg, err, NULL);
	else
		copy(m, name, done, arg);
}
