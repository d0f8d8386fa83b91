/*
 * zstd: does a file hold whole zstd frames, and nothing else?
 *
 * An archive that somebody copies to us arrives in pieces, and a close may come
 * before the last. This tells whether it is whole by walking over the sizes that
 * frames and blocks begin with (RFC 8878, section 3.1.1), a few bytes for every
 * 128 KiB; nothing is unpacked, and nothing is proved about what is in there.
 */
#ifndef ORBFS_OPS_ZSTD_H
#define ORBFS_OPS_ZSTD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes read (fewer than len only at the end), or a negative errno. */
typedef ssize_t zstd_read_fn(void *arg, uint64_t offset, void *data,
                             size_t len);

/* 0: it is whole; -ENODATA: it breaks off, or there is nothing; -EINVAL: it is
 * something else; or the error of read. */
int zstd_check(zstd_read_fn *read, void *arg, uint64_t size);

#endif
