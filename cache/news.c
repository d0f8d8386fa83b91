/*
 * news: those who listen, and what they are told.
 *
 * Owns nothing but the chain of listeners. The place in it is the fleet's, so
 * that one who leaves while something is told is not told any more.
 */
#include "cache/news.h"

#include <stdio.h>
#include <string.h>

#include "cache/snapshots.h"

void news_listen(struct fleet *fleet, struct listener *listener)
{
	struct audience *audience = fleet_audience(fleet);

	listener->next = audience->first;
	audience->first = listener;
}

void news_leave(struct fleet *fleet, struct listener *listener)
{
	struct audience *audience = fleet_audience(fleet);
	struct listener **at = &audience->first;

	while (*at && *at != listener)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = listener->next;
	if (audience->next == listener)
		audience->next = listener->next;
}

static void tell(struct member *m, struct news news)
{
	struct audience *audience = fleet_audience(m->fleet);
	struct clock *clock = fleet_spec(m->fleet)->clock;

	news.m = m;
	news.name = m->name;
	news.when = clock->wall(clock);
	audience->next = audience->first;
	while (audience->next) {
		struct listener *l = audience->next;

		audience->next = l->next;
		l->hear(l->arg, &news);
	}
}

void news_created(struct member *m)
{
	m->told = member_state(m);
	if (!m->of)
		tell(m, (struct news){ .kind = NEWS_CREATED, .to = m->told });
}

void news_deleted(struct member *m)
{
	tell(m, (struct news){ .kind = NEWS_DELETED });
}

void news_renamed(struct member *m, const char *old_name)
{
	/* A snapshot that follows its machine does so in silence. */
	if (!m->of || !snapshot_split(old_name))
		tell(m, (struct news){ .kind = NEWS_RENAMED,
		                       .old_name = old_name });
}

void news_failed(struct member *m, const char *why)
{
	if (!m->of)
		tell(m, (struct news){ .kind = NEWS_FAILED, .why = why });
}

void news_state(struct member *m)
{
	enum machine_state from = m->told;
	enum machine_state to = member_state(m);

	m->told = to;
	if (from != to && m->listed && !m->of)
		tell(m, (struct news){
				.kind = NEWS_STATE, .from = from, .to = to });
}

/* ---- as text ---- */

/* How many bytes of well-formed UTF-8 beyond ASCII begin here; 0: none. */
static size_t utf8_len(const unsigned char *s)
{
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what is beyond the last plane. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* ,"key":"text", with what is no text replaced. */
static void put(struct buf *b, const char *key, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	buf_printf(b, ",\"%s\":\"", key);
	while (*s) {
		size_t len = *s < 0x80 ? 1 : utf8_len(s);

		if (*s == '"' || *s == '\\')
			buf_printf(b, "\\%c", *s);
		else if (*s < ' ' || *s == 0x7f)
			buf_printf(b, "\\u%04x", *s);
		else if (len)
			buf_add(b, s, len);
		else
			buf_adds(b, "\xef\xbf\xbd"); /* U+FFFD */
		s += len ? len : 1;
	}
	buf_adds(b, "\"");
}

int news_render(const struct news *news, struct buf *b)
{
	static const char *const words[NEWS_N_KINDS] = {
		[NEWS_CREATED] = "created", [NEWS_STATE] = "state",
		[NEWS_RENAMED] = "renamed", [NEWS_DELETED] = "deleted",
		[NEWS_FAILED] = "failed",
	};
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&news->when.tv_sec, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(b, "{\"time\":\"%s.%03ldZ\"", when,
	           news->when.tv_nsec / 1000000);
	put(b, "event", words[news->kind]);
	put(b, "machine", news->name);
	if (news->kind == NEWS_RENAMED)
		put(b, "old", news->old_name);
	if (news->kind == NEWS_STATE)
		put(b, "from", machine_state_word(news->from));
	if (news->kind == NEWS_STATE)
		put(b, "to", machine_state_word(news->to));
	if (news->kind == NEWS_CREATED)
		put(b, "state", machine_state_word(news->to));
	if (news->kind == NEWS_FAILED)
		put(b, "reason", news->why);
	return buf_adds(b, "}\n");
}
