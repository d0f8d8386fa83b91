/*
 * vitals: read what a machine prints of its own load.
 *
 * The text is in sections: a line "=NAME", then lines of one file of /proc or
 * /sys, or of all files of one kind; the last section is "=end". No line of
 * those files begins with "=". Each section has a function that reads its lines
 * one by one (the table sections[]); what depends on two of them is put together
 * at the end. Sections of files that are not there are empty.
 */
#include "ops/vitals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Small files are read by the shell itself, since a child takes longer than
 * they do. The list of processes is whole: their number may change, but no
 * process that was there all the time is missing.
 */
const char vitals_script[] =
	"exec 2>/dev/null; "
	"r() { echo \"=$1\"; while IFS= read -r l; do "
	"printf '%s\\n' \"$l\"; done <\"$2\"; }; "
	"c() { echo \"=$1\"; shift; cat \"$@\"; }; "
	"cat /proc/uptime >/dev/null || cat() { for f; do "
	"while IFS= read -r l; do printf '%s\\n' \"$l\"; done <\"$f\"; done; }; "
	"g=/sys/fs/cgroup; "
	"r uptime /proc/uptime; r load /proc/loadavg; c meminfo /proc/meminfo; "
	"c net /proc/net/dev; "
	"[ -e $g/cgroup.controllers ] && echo =unified && echo 1; "
	"[ -e $g/memory.current ] && { r used $g/memory.current; "
	"r limit $g/memory.max; c cache $g/memory.stat; }; "
	"[ -e $g/cpu.stat ] && c cpu $g/cpu.stat; "
	"[ -e $g/memory/memory.usage_in_bytes ] && { "
	"r used $g/memory/memory.usage_in_bytes; "
	"r limit $g/memory/memory.limit_in_bytes; "
	"c cache $g/memory/memory.stat; }; "
	"[ -e $g/cpuacct/cpuacct.usage ] && r cpuacct $g/cpuacct/cpuacct.usage; "
	"echo =page; while IFS= read -r l; do case $l in KernelPageSize*) "
	"printf '%s\\n' \"$l\"; break;; esac; done </proc/self/smaps; "
	"r self /proc/$$/stat; "
	"c stat /proc/[0-9]*/stat; c statm /proc/[0-9]*/statm; "
	"echo =df; df -kP / || df -k /; echo =end";

enum {
	LINE_MAX_LEN = 1024, /* of a line that is looked at */
	TICKS = 100,         /* of /proc in a second, on every Linux */
	/* Fields of /proc/PID/stat behind the name, from 0 on. */
	SESSION_FIELD = 3,
	UTIME_FIELD = 11, /* and stime, cutime, cstime */
	START_FIELD = 19,
	N_FIELDS = 20,
};

/* What the sections say, before it is put together. */
struct reading {
	struct vitals *v;
	double since_boot;
	int64_t available;
	int64_t used;  /* by the control group */
	int64_t cache; /* of that, what would be given back at once */
	double cpu;    /* of the control group, seconds */
	bool unified;  /* a control group of version 2 is there */
	int64_t page_size;
	int64_t self;          /* the shell that asks */
	int64_t self_session;  /* of it */
	double started;        /* process 1, seconds since boot */
	double processes_time; /* seconds */
	int64_t private_pages;
	int64_t n_processes; /* without the shell that asks and its session */
	bool ended;
};

/* A number from a guest, or -1: nothing that it says is below 0. */
static int64_t number(const char *s)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(s, &end, 10);
	return end == s || errno || n < 0 ? -1 : n;
}

/* The same with a point. */
static double decimal(const char *s)
{
	char *end;
	double n = strtod(s, &end);

	return end == s || !(n >= 0 && n < 1e15) ? -1 : n;
}

/* The sum of what is known. */
static int64_t plus(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return b > INT64_MAX - a ? a : a + b;
}

static int64_t times(int64_t a, int64_t b)
{
	return a < 0 || b <= 0 || a > INT64_MAX / b ? -1 : a * b;
}

/* The value of a line "KEY VALUE" or "KEY: VALUE kB", or NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) != 0 ||
	    (line[len] != ' ' && line[len] != ':'))
		return NULL;
	return line + len + 1;
}

/* ---- sections ------------------------------------------------------------- */

static void read_uptime(struct reading *r, char *line)
{
	r->since_boot = decimal(line);
}

static void read_load(struct reading *r, char *line)
{
	for (int i = 0; i < 3; i++) {
		r->v->load[i] = decimal(line);
		line = strchr(line, ' ');
		if (!line)
			return;
		line++;
	}
}

static void read_meminfo(struct reading *r, char *line)
{
	const char *value = value_of(line, "MemTotal");

	if (value)
		r->v->memory_total = times(number(value), 1024);
	value = value_of(line, "MemAvailable");
	if (value)
		r->available = times(number(value), 1024);
}

/* "  eth0: 1234 ... 5678 ...": the first number and the ninth. */
static void read_net(struct reading *r, char *line)
{
	char *colon = strchr(line, ':');
	char *field;
	char *rest;

	if (!colon)
		return; /* a head line */
	*colon = '\0';
	line += strspn(line, " ");
	if (strcmp(line, "lo") == 0)
		return;
	field = strtok_r(colon + 1, " ", &rest);
	for (int i = 0; field && i < 9; i++) {
		if (i == 0)
			r->v->net_received =
				plus(r->v->net_received, number(field));
		if (i == 8)
			r->v->net_sent = plus(r->v->net_sent, number(field));
		field = strtok_r(NULL, " ", &rest);
	}
}

static void read_unified(struct reading *r, char *line)
{
	(void)line;
	r->unified = true;
}

static void read_used(struct reading *r, char *line)
{
	r->used = number(line);
}

/* "max", or a number near the largest there is, is no limit. */
static void read_limit(struct reading *r, char *line)
{
	int64_t limit = number(line);

	r->v->memory_limit = limit < INT64_MAX / 2 ? limit : -1;
}

static void read_cache(struct reading *r, char *line)
{
	const char *total = value_of(line, "total_inactive_file");
	const char *own = value_of(line, "inactive_file");

	if (total || (own && r->cache < 0))
		r->cache = number(total ? total : own);
}

static void read_cpu(struct reading *r, char *line)
{
	const char *value = value_of(line, "usage_usec");

	if (value)
		r->cpu = decimal(value) < 0 ? -1 : decimal(value) / 1e6;
}

static void read_cpuacct(struct reading *r, char *line)
{
	if (r->cpu < 0 && decimal(line) >= 0)
		r->cpu = decimal(line) / 1e9;
}

static void read_page(struct reading *r, char *line)
{
	const char *value = value_of(line, "KernelPageSize");

	if (value && r->page_size < 0)
		r->page_size = times(number(value), 1024);
}

/* "PID (NAME) S PPID PGRP SESSION ...": the numbers behind the name, which may
 * hold anything. false: it is no such line. */
static bool stat_fields(char *line, int64_t field[N_FIELDS])
{
	char *name_end = strrchr(line, ')');
	char *rest;
	char *word;

	if (!name_end)
		return false;
	word = strtok_r(name_end + 1, " ", &rest);
	for (int i = 0; i < N_FIELDS; i++) {
		if (!word)
			return false;
		field[i] = number(word);
		word = strtok_r(NULL, " ", &rest);
	}
	return true;
}

static void read_self(struct reading *r, char *line)
{
	int64_t field[N_FIELDS];

	if (!stat_fields(line, field))
		return;
	r->self = number(line);
	r->self_session = field[SESSION_FIELD];
}

static void read_stat(struct reading *r, char *line)
{
	int64_t field[N_FIELDS];
	int64_t pid = number(line);
	double ticks = 0;

	if (!stat_fields(line, field))
		return;
	for (int i = UTIME_FIELD; i < UTIME_FIELD + 4; i++)
		ticks += field[i] > 0 ? (double)field[i] : 0;
	r->processes_time =
		(r->processes_time < 0 ? 0 : r->processes_time) + ticks / TICKS;
	if (pid == 1 && field[START_FIELD] >= 0)
		r->started = (double)field[START_FIELD] / TICKS;
	/* A session that reads as 0 was made outside and says nothing. */
	if (pid != r->self &&
	    (r->self_session <= 0 || field[SESSION_FIELD] != r->self_session))
		r->n_processes++;
}

/* "SIZE RESIDENT SHARED ...", in pages. */
static void read_statm(struct reading *r, char *line)
{
	const char *resident = strchr(line, ' ');
	const char *shared = resident ? strchr(resident + 1, ' ') : NULL;

	if (shared && number(resident) >= number(shared))
		r->private_pages = plus(r->private_pages,
		                        number(resident) - number(shared));
}

/* "/dev/sda1 1000 500 500 50% /", in KiB. A long first field may have a line of
 * its own, and a guest names its devices as it likes: so from the end. */
static void read_df(struct reading *r, char *line)
{
	const char *field[6];
	char *rest;
	int n = 0;

	for (char *word = strtok_r(line, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		memmove(field, field + 1, 5 * sizeof(field[0]));
		field[5] = word;
		n++;
	}
	if (n < 5 || strcmp(field[5], "/") != 0 || !strchr(field[4], '%'))
		return;
	r->v->disk_total = times(number(field[1]), 1024);
	r->v->disk_used = times(number(field[2]), 1024);
}

static const struct {
	const char *name;
	void (*read)(struct reading *r, char *line);
} sections[] = {
	{ "uptime", read_uptime },   { "load", read_load },
	{ "meminfo", read_meminfo }, { "net", read_net },
	{ "unified", read_unified }, { "used", read_used },
	{ "limit", read_limit },     { "cache", read_cache },
	{ "cpu", read_cpu },         { "cpuacct", read_cpuacct },
	{ "page", read_page },       { "self", read_self },
	{ "stat", read_stat },       { "statm", read_statm },
	{ "df", read_df },
};

enum { N_SECTIONS = sizeof(sections) / sizeof(sections[0]) };

/* ---- together ------------------------------------------------------------- */

static void put_together(struct reading *r)
{
	struct vitals *v = r->v;

	if (r->since_boot >= r->started)
		v->uptime = r->since_boot - (r->started < 0 ? 0 : r->started);
	if (r->processes_time >= 0)
		v->processes = r->n_processes;
	v->cpu_time = r->cpu >= 0 ? r->cpu : r->processes_time;
	if (r->used >= 0)
		v->memory_used = r->cache >= 0 && r->cache < r->used
		                         ? r->used - r->cache
		                         : r->used;
	else if (r->unified && r->available >= 0 &&
	         r->available <= v->memory_total)
		/* The topmost group has no books: it is the computer. */
		v->memory_used = v->memory_total - r->available;
	else
		v->memory_used = times(r->private_pages, r->page_size);
	if (v->memory_limit > v->memory_total && v->memory_total >= 0)
		v->memory_limit = -1; /* as version 1 says that there is none */
}

/* The number of the section that a line "=NAME" begins; N_SECTIONS: unknown. */
static size_t section_of(const char *name)
{
	size_t i = 0;

	while (i < N_SECTIONS && strcmp(sections[i].name, name) != 0)
		i++;
	return i;
}

static void read_all(struct reading *r, const char *text, size_t len)
{
	const char *end = text + len;
	size_t section = N_SECTIONS;
	char line[LINE_MAX_LEN];

	while (text < end && !r->ended) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);

		if (n > sizeof(line) - 1)
			n = sizeof(line) - 1;
		memcpy(line, text, n);
		line[n] = '\0';
		text = newline ? newline + 1 : end;
		if (line[0] == '=') {
			r->ended = strcmp(line, "=end") == 0;
			section = section_of(line + 1);
		} else if (section < N_SECTIONS) {
			sections[section].read(r, line);
		}
	}
}

static void know_nothing(struct vitals *v)
{
	*v = (struct vitals){
		.uptime = -1,
		.cpu_time = -1,
		.load = { -1, -1, -1 },
		.memory_used = -1,
		.memory_total = -1,
		.memory_limit = -1,
		.disk_used = -1,
		.disk_total = -1,
		.net_received = -1,
		.net_sent = -1,
		.processes = -1,
	};
}

int vitals_parse(const char *text, size_t len, struct vitals *v)
{
	struct reading r = {
		.v = v,
		.since_boot = -1,
		.available = -1,
		.used = -1,
		.cache = -1,
		.cpu = -1,
		.page_size = -1,
		.self = -1,
		.self_session = -1,
		.started = -1,
		.processes_time = -1,
		.private_pages = -1,
	};

	know_nothing(v);
	read_all(&r, text, len);
	if (!r.ended) {
		know_nothing(v);
		return -EPROTO;
	}
	put_together(&r);
	return 0;
}

static void render_decimal(struct buf *b, const char *key, double value)
{
	if (value >= 0)
		buf_printf(b, "%s %.2f\n", key, value);
}

static void render_number(struct buf *b, const char *key, int64_t value)
{
	if (value >= 0)
		buf_printf(b, "%s %" PRId64 "\n", key, value);
}

int vitals_render(const struct vitals *v, struct buf *b)
{
	render_decimal(b, "uptime", v->uptime);
	render_decimal(b, "load1", v->load[0]);
	render_decimal(b, "load5", v->load[1]);
	render_decimal(b, "load15", v->load[2]);
	render_decimal(b, "cpu_time", v->cpu_time);
	render_number(b, "memory_used", v->memory_used);
	render_number(b, "memory_total", v->memory_total);
	render_number(b, "memory_limit", v->memory_limit);
	render_number(b, "disk_used", v->disk_used);
	render_number(b, "disk_total", v->disk_total);
	render_number(b, "net_received", v->net_received);
	render_number(b, "net_sent", v->net_sent);
	render_number(b, "processes", v->processes);
	return b->err;
}
