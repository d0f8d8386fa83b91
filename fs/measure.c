/*
 * measure: ask for what a text is made from, render it, keep its length.
 *
 * Owns struct measure, which may outlive the request that wanted it: the answer
 * then is good for the next one.
 */
#include "fs/measure.h"

#include <stdlib.h>

#include "cache/settings.h"
#include "fs/control.h"
#include "fs/fs.h"
#include "fs/view.h"

struct measure {
	struct fs *fs;
	struct node *node;  /* referred to */
	struct request *rq; /* NULL: it has gone on */
	struct alarm *late;
};

bool measure_can(const struct entry *entry)
{
	return entry->render &&
	       (entry->need <= NEED_INFO || entry->need == NEED_SETTINGS ||
	        entry->need == NEED_LOG);
}

static void go_on(struct measure *measure)
{
	struct request *rq = measure->rq;

	measure->rq = NULL;
	if (rq)
		rq->go(rq);
}

static void on_late(void *arg)
{
	struct measure *measure = arg;

	measure->late = NULL; /* it fired */
	go_on(measure);
}

static void keep_len(const struct measure *measure, const char *text,
                     size_t len)
{
	const struct node *node = measure->node;
	struct view view = view_of(measure->fs, node);
	struct buf b = BUF_INIT(ENTRY_TEXT_MAX);

	view.text = text;
	view.len = len;
	node->entry->render(&view, &b);
	if (!b.err && node->m)
		node->m->texts[node->entry->text].len = b.len;
	buf_free(&b);
}

static void on_log(void *arg, int err, const char *text, size_t len,
                   const char *why)
{
	struct measure *measure = arg;
	struct clock *clock = measure->fs->spec.clock;

	(void)why;
	if (!err)
		keep_len(measure, text, len);
	clock->cancel(clock, measure->late);
	go_on(measure);
	node_unref(measure->node);
	free(measure);
}

static void on_needed(void *arg, int err)
{
	on_log(arg, err, "", 0, NULL);
}

/* NULL: no memory. */
static struct measure *measure_new(struct request *rq, struct node *node)
{
	struct clock *clock = rq->fs->spec.clock;
	struct measure *measure = calloc(1, sizeof(*measure));

	if (!measure)
		return NULL;
	measure->late = clock->set(clock, MEASURE_MS, on_late, measure);
	if (!measure->late) {
		free(measure);
		return NULL;
	}
	measure->fs = rq->fs;
	measure->node = node_ref(node);
	measure->rq = rq;
	return measure;
}

static void ask(struct measure *measure)
{
	struct fs *fs = measure->fs;
	struct member *m = measure->node->m;

	switch (measure->node->entry->need) {
	case NEED_LIST:
		fleet_get(fs->spec.fleet, on_needed, measure);
		return;
	case NEED_ADDRESS:
		member_get(m, MEMBER_ADDRESS, on_needed, measure);
		return;
	case NEED_INFO:
		member_get(m, MEMBER_DETAILS, on_needed, measure);
		return;
	case NEED_SETTINGS:
		settings_get(fs->settings, on_needed, measure);
		return;
	case NEED_LOG:
		engine_logs(fs->spec.engine, m->name, on_log, measure);
		return;
	default:
		on_needed(measure, 0);
		return;
	}
}

/* Who reads the text that an open file has is not told of another one's. */
static bool is_open(const struct fs *fs, const struct node *node)
{
	const struct handle *h = fs->handles;

	while (h && (h->node != node || !h->text))
		h = h->next;
	return h != NULL;
}

void measure_node(struct request *rq, struct node *node,
                  void (*go)(struct request *rq))
{
	struct measure *measure = NULL;

	rq->go = go;
	if (measure_can(node->entry) && (!node->m || node->m->listed) &&
	    !is_open(rq->fs, node))
		measure = measure_new(rq, node);
	if (measure)
		ask(measure);
	else
		go(rq);
}
