/*
 * script: the texts of a job, and one for the shell that is made of them.
 *
 * Owns three texts. Lines of env end with a newline, always.
 */
#include "fs/script.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void script_init(struct script *s)
{
	s->text = (struct buf)BUF_INIT(SCRIPT_MAX);
	s->env = (struct buf)BUF_INIT(SCRIPT_ENV_MAX);
	s->dir = (struct buf)BUF_INIT(SCRIPT_DIR_MAX);
}

void script_free(struct script *s)
{
	buf_free(&s->text);
	buf_free(&s->env);
	buf_free(&s->dir);
}

/* The line that begins at *at, which moves behind it; NULL at the end. */
static const char *next_line(const struct buf *text, size_t *at, size_t *len)
{
	const char *line;
	const char *nl;

	if (*at >= text->len)
		return NULL;
	line = text->data + *at;
	nl = memchr(line, '\n', text->len - *at);
	*len = nl ? (size_t)(nl - line) : text->len - *at;
	*at += *len + 1;
	return line;
}

/* ---- environment ---- */

static size_t name_len(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && (isalnum((unsigned char)line[n]) || line[n] == '_'))
		n++;
	return n && isdigit((unsigned char)line[0]) ? 0 : n;
}

static int set_variable(struct buf *env, const char *line, size_t len)
{
	struct buf set = BUF_INIT(SCRIPT_ENV_MAX);
	size_t name = name_len(line, len);
	const char *old;
	size_t at = 0;
	size_t n;

	if (!name || name == len || line[name] != '=' ||
	    memchr(line, '\0', len))
		return -EINVAL;
	while ((old = next_line(env, &at, &n)))
		if (n <= name || memcmp(old, line, name + 1) != 0)
			buf_add(&set, old, n + 1);
	buf_add(&set, line, len);
	buf_adds(&set, "\n");
	buf_free(env);
	*env = set;
	return set.err;
}

int script_set_env(struct script *s, const struct buf *lines,
                   char bad[SCRIPT_BAD_MAX])
{
	struct buf env = BUF_INIT(SCRIPT_ENV_MAX);
	const char *line;
	size_t at = 0;
	size_t len;
	int err = 0;

	if (s->env.len)
		err = buf_add(&env, s->env.data, s->env.len);
	while (!err && (line = next_line(lines, &at, &len))) {
		err = len ? set_variable(&env, line, len) : 0;
		snprintf(bad, SCRIPT_BAD_MAX, "%.*s", (int)len, line);
	}
	if (err) {
		buf_free(&env);
		return err;
	}
	buf_free(&s->env);
	s->env = env;
	return 0;
}

/* ---- directory ---- */

int script_set_dir(struct script *s, const char *dir, size_t len)
{
	struct buf set = BUF_INIT(SCRIPT_DIR_MAX);
	int err;

	if (len &&
	    (dir[0] != '/' || memchr(dir, '\0', len) || memchr(dir, '\n', len)))
		return -EINVAL;
	err = buf_add(&set, dir, len);
	if (err) {
		buf_free(&set);
		return err;
	}
	buf_free(&s->dir);
	s->dir = set;
	return 0;
}

/* ---- the whole ---- */

/* A word as a shell reads it. */
static void add_quoted(struct buf *b, const char *text, size_t len)
{
	buf_adds(b, "'");
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\'')
			buf_adds(b, "'\\''");
		else
			buf_add(b, text + i, 1);
	buf_adds(b, "'");
}

int script_make(const struct script *s, struct buf *b)
{
	const char *line;
	size_t at = 0;
	size_t len;

	if (s->dir.len) {
		buf_adds(b, "cd ");
		add_quoted(b, s->dir.data, s->dir.len);
		buf_adds(b, " || exit; ");
	}
	while ((line = next_line(&s->env, &at, &len))) {
		size_t name = strcspn(line, "=") + 1;

		buf_adds(b, "export ");
		buf_add(b, line, name);
		add_quoted(b, line + name, len - name);
		buf_adds(b, "; ");
	}
	buf_add(b, s->text.data, s->text.len);
	if (s->text.data[s->text.len - 1] != '\n')
		buf_adds(b, "\n");
	return b->err;
}
