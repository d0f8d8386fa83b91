/*
 * log: one line per event, subject first: "machine web: orbctl info: exit 1".
 *
 * Lines go to standard error (with -f) or to syslog (in the background). A
 * logger is passed to whoever logs; NULL is a logger that drops everything.
 * Control characters in a line are replaced, since much of what is logged
 * comes from other programs.
 */
#ifndef ORBFS_OPS_LOG_H
#define ORBFS_OPS_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR, /* somebody has to act */
	LOG_LEVEL_WARN,  /* an operation failed; orbfs goes on */
	LOG_LEVEL_INFO,  /* what a user would want to read afterwards */
	LOG_LEVEL_DEBUG, /* every request and every child */
};

struct log;

/* Lines up to level, to stderr or to syslog. NULL: no memory. */
struct log *log_new(enum log_level level, bool syslog);
void log_free(struct log *log);
/* From now on to syslog, since the terminal is let go. Before there is a
 * second thread. NULL is allowed. */
void log_to_syslog(struct log *log);
void log_set_level(struct log *log, enum log_level level);
enum log_level log_get_level(const struct log *log);

void log_error(struct log *log, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void log_warn(struct log *log, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void log_info(struct log *log, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void log_debug(struct log *log, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
