/*
 * node: the table of nodes, by number and by what they stand for.
 *
 * A node lives while the kernel has lookups of it or we refer to it. Shared
 * nodes are in a second tree by (machine, entry), so that one file is one inode
 * to the kernel; those of ENTRY_OWN_INODE are not. The number that stat shows
 * is computed from what a node stands for, so `ls -i` does not see which kind
 * it is: the machine's cookie, above the entry's index.
 */
#include "fs/node.h"

#include <assert.h>
#include <stdlib.h>

#include "cache/index.h"

enum { ROOT_INO = 1, INDEX_BITS = 8 };

struct nodes {
	struct node *root;
	uint64_t last_ino;
	size_t n;
	struct index by_ino;
	struct index by_what;
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

static int compare_what(const void *a, const void *b)
{
	const struct node *x = a;
	const struct node *y = b;

	if (x->m != y->m)
		return compare_numbers((uintptr_t)x->m, (uintptr_t)y->m);
	return compare_numbers((uintptr_t)x->entry, (uintptr_t)y->entry);
}

static bool is_shared(const struct node *node)
{
	if (node->file && !node->entry)
		return false; /* its file knows it */
	return !node->entry || !(node->entry->flags & ENTRY_OWN_INODE);
}

static void node_free(struct node *node)
{
	struct nodes *nodes = node->nodes;

	index_remove(&nodes->by_ino, node);
	if (is_shared(node))
		index_remove(&nodes->by_what, node);
	nodes->n--;
	if (node->file)
		node->file->node = NULL;
	file_unref(node->file);
	member_unref(node->m);
	free(node);
}

/* A new node with one reference; NULL: no memory. */
static struct node *node_new(struct nodes *nodes, uint64_t ino,
                             struct member *m, const struct entry *entry,
                             struct file *file)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->nodes = nodes;
	node->ino = ino;
	node->m = m;
	node->entry = entry;
	node->file = file;
	node->refs = 1;
	if (index_add(&nodes->by_ino, node)) {
		free(node);
		return NULL;
	}
	if (is_shared(node) && index_add(&nodes->by_what, node)) {
		index_remove(&nodes->by_ino, node);
		free(node);
		return NULL;
	}
	if (m)
		member_ref(m);
	if (file) {
		file_ref(file);
		file->node = node;
	}
	nodes->n++;
	return node;
}

struct nodes *nodes_new(void)
{
	struct nodes *nodes = calloc(1, sizeof(*nodes));

	if (!nodes)
		return NULL;
	nodes->last_ino = ROOT_INO;
	nodes->by_ino.compare = compare_ino;
	nodes->by_what.compare = compare_what;
	nodes->root = node_new(nodes, ROOT_INO, NULL, NULL, NULL);
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

struct node *nodes_peek(struct nodes *nodes, const struct member *m,
                        const struct entry *entry)
{
	struct node key = { .m = (struct member *)m, .entry = entry };

	return index_find(&nodes->by_what, &key);
}

struct node *nodes_get(struct nodes *nodes, struct member *m,
                       const struct entry *entry)
{
	struct node *node = nodes_peek(nodes, m, entry);

	if (node)
		return node_ref(node);
	return node_new(nodes, ++nodes->last_ino, m, entry, NULL);
}

struct node *nodes_add_file(struct nodes *nodes, struct member *m,
                            struct file *file)
{
	return node_new(nodes, ++nodes->last_ino, m, NULL, file);
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

uint64_t node_ino_of(const struct member *m, const struct entry *entry)
{
	if (!m && !entry)
		return ROOT_INO;
	return ((m ? m->cookie : 0) << INDEX_BITS) + entry_index(entry) + 1;
}

uint64_t node_stat_ino(const struct node *node)
{
	return node_ino_of(node->m, node->entry);
}
