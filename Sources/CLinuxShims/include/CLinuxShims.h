// SPDX-License-Identifier: Apache-2.0
// inotify, eventfd, poll and the allocator, of which Swift cannot import the flexible array and some macros.
#ifndef CLINUX_SHIMS_H
#define CLINUX_SHIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// One event of inotify within a buffer that was read.
typedef struct {
  int watch;
  uint32_t mask;
  const char *name;  ///< of the entry of a directory; empty if the watched itself is meant
  size_t next;       ///< the offset of the event after this one; 0 if there is none here
} clinuxshims_inotify_event;

/// A new inotify descriptor that does not block; -1 and errno on failure.
int clinuxshims_inotify_open(void);
/// Watches a path for a mask; the watch, or -1 and errno.
int clinuxshims_inotify_watch(int descriptor, const char *path, uint32_t mask);
/// Ends a watch.
void clinuxshims_inotify_unwatch(int descriptor, int watch);
/// The event at an offset of a buffer that was read; `next` is 0 at the end.
clinuxshims_inotify_event clinuxshims_inotify_at(const void *buffer, size_t length, size_t offset);

/// A new eventfd that does not block; -1 and errno on failure.
int clinuxshims_eventfd_open(void);
/// Makes an eventfd readable.
void clinuxshims_eventfd_signal(int descriptor);
/// Makes an eventfd unreadable.
void clinuxshims_eventfd_clear(int descriptor);

/// Waits until one of two descriptors is readable, for so many milliseconds or, with -1, without
/// end; false if the time is over.
bool clinuxshims_wait_for_either(int first, int second, int milliseconds);

/// Has the allocator map blocks from a size on by themselves, keep so many free bytes at the end of a
/// heap, and use at most so many heaps; false if it refuses.
bool clinuxshims_set_allocator(int mapped_block, int slack, int heaps);

#endif
