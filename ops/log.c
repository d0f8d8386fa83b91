/*
 * log: one line per event, to standard error or to syslog.
 *
 * Owns nothing but the level. Promises that a line reaches standard error in
 * one write, so that the lines of several threads never mix, that it has a
 * bounded length, and that no byte of it moves the cursor of a terminal or
 * makes a second line: much of what is logged was said by other programs.
 * What is worth a line is left to the callers. Any thread may log.
 */
#include "ops/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define LOG_PREFIX "orbfs: "
#define LOG_CUT "..."

enum { LOG_LINE_MAX = 2048 };

struct log {
	atomic_int level;
	bool syslog;
};

struct log *log_new(enum log_level level, bool syslog)
{
	struct log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	atomic_init(&log->level, level);
	log->syslog = syslog;
	if (syslog)
		openlog("orbfs", LOG_PID, LOG_DAEMON);
	return log;
}

void log_to_syslog(struct log *log)
{
	if (!log || log->syslog)
		return;
	log->syslog = true;
	openlog("orbfs", LOG_PID, LOG_DAEMON);
}

void log_free(struct log *log)
{
	if (log && log->syslog)
		closelog();
	free(log);
}

void log_set_level(struct log *log, enum log_level level)
{
	if (log)
		atomic_store(&log->level, level);
}

enum log_level log_get_level(const struct log *log)
{
	return log ? (enum log_level)atomic_load(&log->level) : LOG_LEVEL_ERROR;
}

/* Replace what a terminal would obey: the C0 controls and DEL, and the C1
 * controls in their UTF-8 form (C2 80 to C2 9F). */
static void log_clean(char *line)
{
	unsigned char *p;

	for (p = (unsigned char *)line; *p; p++) {
		if (*p == '\n' || *p == '\t' || *p == '\r')
			*p = ' ';
		else if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
}

/* Put the mark of a cut line at its end, not into the middle of a character.
 * Returns the new length. */
static size_t log_cut(char *line, size_t size)
{
	size_t at = size - sizeof(LOG_CUT);

	while (at > 0 && ((unsigned char)line[at] & 0xc0) == 0x80)
		at--;
	memcpy(line + at, LOG_CUT, sizeof(LOG_CUT));
	return at + sizeof(LOG_CUT) - 1;
}

static void log_line(struct log *log, enum log_level level, const char *fmt,
                     va_list ap) __attribute__((format(printf, 3, 0)));

static void log_line(struct log *log, enum log_level level, const char *fmt,
                     va_list ap)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARN] = LOG_WARNING,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};
	char line[sizeof(LOG_PREFIX) - 1 + LOG_LINE_MAX + 1] = LOG_PREFIX;
	char *text = line + sizeof(LOG_PREFIX) - 1;
	int saved = errno;
	ssize_t unused;
	size_t len;
	int n;

	if (!log || (int)level > atomic_load(&log->level))
		return;
	n = vsnprintf(text, LOG_LINE_MAX, fmt, ap);
	if (n < 0)
		return;
	len = n < LOG_LINE_MAX ? (size_t)n : log_cut(text, LOG_LINE_MAX);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	log_clean(text);
	if (log->syslog) {
		syslog(priorities[level], "%s", text);
	} else {
		text[len++] = '\n';
		/* There is nobody to tell when this fails. */
		unused = write(STDERR_FILENO, line,
		               sizeof(LOG_PREFIX) - 1 + len);
		(void)unused;
	}
	errno = saved;
}

#define LOG_FUNCTION(name, level)                                              \
	void name(struct log *log, const char *fmt, ...)                       \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		log_line(log, level, fmt, ap);                                 \
		va_end(ap);                                                    \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
