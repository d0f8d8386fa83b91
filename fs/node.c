/*
 * node: the table of nodes, by number and by what they stand for.
 *
 * A node lives while the kernel has lookups of it or we refer to it. The number
 * that stat shows is computed from what it stands for: the machine's cookie,
 * above the entry's index; with a label, a hash of all three.
 *
 * A shared node is found by what it stands for, so that one file is one inode
 * to the kernel. Nearly all have no label: the kernel knows them by that same
 * number, which finds them, and need no place in a second tree, of which there
 * would be a hundred thousand with ten thousand machines. The others have
 * numbers in the order of their making.
 */
#include "fs/node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cache/index.h"

enum { ROOT_INO = 1, INDEX_BITS = 8 };
/* Above all cookies. */
#define LABELLED_INO (UINT64_C(1) << 63)
#define COUNTED_INO (UINT64_C(1) << 62)

struct nodes {
	struct node *root;
	uint64_t last_ino; /* counted */
	size_t n;
	struct index by_ino;
	struct index by_what; /* shared ones with a counted number */
};

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_ino(const void *a, const void *b)
{
	return compare_numbers(((const struct node *)a)->ino,
	                       ((const struct node *)b)->ino);
}

static int compare_labels(const struct label *a, const struct label *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	if (a->serial != b->serial)
		return compare_numbers(a->serial, b->serial);
	return strcmp(a->name, b->name);
}

static int compare_what(const void *a, const void *b)
{
	const struct node *x = a;
	const struct node *y = b;

	if (x->m != y->m)
		return compare_numbers((uintptr_t)x->m, (uintptr_t)y->m);
	if (x->entry != y->entry)
		return compare_numbers((uintptr_t)x->entry,
		                       (uintptr_t)y->entry);
	return compare_labels(x->label, y->label);
}

static bool is_shared(const struct node *node)
{
	if (node->file && !node->entry)
		return false; /* its file knows it */
	return !node->entry || !(node->entry->flags & ENTRY_OWN_INODE);
}

static bool is_counted(const struct node *node)
{
	return node->ino & COUNTED_INO;
}

static void node_free(struct node *node)
{
	struct nodes *nodes = node->nodes;

	index_remove(&nodes->by_ino, node);
	if (node->shared && is_counted(node))
		index_remove(&nodes->by_what, node);
	nodes->n--;
	if (node->file)
		node->file->node = NULL;
	file_unref(node->file);
	member_unref(node->m);
	label_unref(node->label);
	free(node);
}

/* A new node like this one, with one reference; NULL: no memory. */
static struct node *node_new(struct nodes *nodes, const struct node *what)
{
	struct node *node = malloc(sizeof(*node));

	if (!node)
		return NULL;
	*node = *what;
	node->nodes = nodes;
	node->refs = 1;
	node->shared = is_shared(node);
	node->ino = node->shared && !node->label ? node_stat_ino(node)
	                                         : ++nodes->last_ino;
	if (index_add(&nodes->by_ino, node)) {
		free(node);
		return NULL;
	}
	if (node->shared && is_counted(node) &&
	    index_add(&nodes->by_what, node)) {
		index_remove(&nodes->by_ino, node);
		free(node);
		return NULL;
	}
	if (node->m)
		member_ref(node->m);
	if (node->label)
		label_ref(node->label);
	if (node->file) {
		file_ref(node->file);
		node->file->node = node;
	}
	nodes->n++;
	return node;
}

struct nodes *nodes_new(void)
{
	struct nodes *nodes = calloc(1, sizeof(*nodes));

	if (!nodes)
		return NULL;
	nodes->last_ino = COUNTED_INO;
	nodes->by_ino.compare = compare_ino;
	nodes->by_what.compare = compare_what;
	nodes->root = node_new(nodes, &(struct node){ 0 });
	if (nodes->root)
		return nodes;
	free(nodes);
	return NULL;
}

void nodes_free(struct nodes *nodes)
{
	if (!nodes)
		return;
	for (struct node *node; (node = index_any(&nodes->by_ino));)
		node_free(node);
	free(nodes);
}

size_t nodes_count(const struct nodes *nodes)
{
	return nodes->n;
}

struct node *nodes_root(struct nodes *nodes)
{
	return nodes->root;
}

struct node *nodes_find(struct nodes *nodes, uint64_t ino)
{
	struct node key = { .ino = ino };

	return index_find(&nodes->by_ino, &key);
}

/* The shared node that stands for the same, or NULL. */
static struct node *find_what(struct nodes *nodes, const struct node *what)
{
	struct node *node =
		what->label ? NULL : nodes_find(nodes, node_stat_ino(what));

	return node ? node : index_find(&nodes->by_what, what);
}

struct node *nodes_peek(struct nodes *nodes, const struct member *m,
                        const struct entry *entry)
{
	struct node key = { .m = (struct member *)m, .entry = entry };

	return find_what(nodes, &key);
}

struct node *nodes_get_labelled(struct nodes *nodes, struct member *m,
                                const struct entry *entry, struct label *label)
{
	struct node key = { .m = m, .entry = entry, .label = label };
	struct node *node = find_what(nodes, &key);

	return node ? node_ref(node) : node_new(nodes, &key);
}

void nodes_become(struct nodes *nodes, const struct entry *entry,
                  struct label *label, struct member *m)
{
	struct node from = { .entry = entry, .label = label };
	struct node to = { .m = m };
	struct node *node = find_what(nodes, &from);

	if (!node || find_what(nodes, &to))
		return;
	index_remove(&nodes->by_what, node);
	node->entry = NULL;
	node->label = NULL;
	node->m = member_ref(m);
	/* Without memory the kernel is given another one at its next lookup. */
	node->shared = index_add(&nodes->by_what, node) == 0;
	label_unref(label);
}

struct node *nodes_get(struct nodes *nodes, struct member *m,
                       const struct entry *entry)
{
	return nodes_get_labelled(nodes, m, entry, NULL);
}

struct node *nodes_get_file(struct nodes *nodes, struct member *m,
                            struct file *file)
{
	struct node what = { .m = m, .file = file };

	if (file->node)
		return node_ref(file->node);
	return node_new(nodes, &what);
}

static void free_if_unused(struct node *node)
{
	if (node->refs == 0 && node->lookups == 0)
		node_free(node);
}

struct node *node_ref(struct node *node)
{
	node->refs++;
	return node;
}

void node_unref(struct node *node)
{
	if (!node)
		return;
	assert(node->refs > 0);
	node->refs--;
	free_if_unused(node);
}

void node_looked_up(struct node *node)
{
	node->lookups++;
}

void node_forget(struct node *node, uint64_t n)
{
	node->lookups -= n < node->lookups ? n : node->lookups;
	free_if_unused(node);
}

enum entry_dir node_dir(const struct node *node)
{
	if (node->entry)
		return node->entry->dir;
	return node->m ? DIR_MACHINE : DIR_ROOT;
}

uint64_t node_ino_of(const struct member *m, const struct entry *entry,
                     const struct label *label)
{
	uint64_t ino = ((m ? m->cookie : 0) << INDEX_BITS) +
	               entry_index(entry) + ROOT_INO;

	if (!label)
		return ino;
	ino ^= label->serial << 32;
	for (const char *c = label->name; *c; c++)
		ino = (ino ^ (unsigned char)*c) * UINT64_C(1099511628211);
	return ino | LABELLED_INO;
}

uint64_t node_stat_ino(const struct node *node)
{
	return node_ino_of(node->m, node->entry, node->label);
}

static void free_plain(struct label *label)
{
	free(label);
}

struct label *label_new(const char *name)
{
	size_t size = strlen(name) + 1;
	struct label *label = calloc(1, sizeof(*label) + size);

	if (!label)
		return NULL;
	label->refs = 1;
	label->name = memcpy(label + 1, name, size);
	label->free = free_plain;
	return label;
}

struct label *label_ref(struct label *label)
{
	label->refs++;
	return label;
}

void label_unref(struct label *label)
{
	if (label && --label->refs == 0)
		label->free(label);
}
