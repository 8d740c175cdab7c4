// SPDX-License-Identifier: Apache-2.0
#include "CLinuxShims.h"

#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

int clinuxshims_inotify_open(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

int clinuxshims_inotify_watch(int descriptor, const char *path, uint32_t mask) {
  return inotify_add_watch(descriptor, path, mask);
}

void clinuxshims_inotify_unwatch(int descriptor, int watch) {
  (void)inotify_rm_watch(descriptor, watch);
}

clinuxshims_inotify_event clinuxshims_inotify_at(
    const void *buffer, size_t length, size_t offset) {
  const struct inotify_event *event =
      (const struct inotify_event *)((const char *)buffer + offset);
  clinuxshims_inotify_event out = {.watch = event->wd, .mask = event->mask, .name = ""};
  if (event->len > 0) out.name = event->name;
  const size_t next = offset + sizeof *event + event->len;
  out.next = next < length ? next : 0;
  return out;
}

int clinuxshims_eventfd_open(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void clinuxshims_eventfd_signal(int descriptor) { (void)eventfd_write(descriptor, 1); }

void clinuxshims_eventfd_clear(int descriptor) {
  eventfd_t value;
  (void)eventfd_read(descriptor, &value);
}

bool clinuxshims_wait_for_either(int first, int second, int milliseconds) {
  struct pollfd descriptors[2] = {
      {.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
  return poll(descriptors, 2, milliseconds) != 0;
}

bool clinuxshims_set_allocator(int mapped_block, int slack, int heaps) {
  return mallopt(M_MMAP_THRESHOLD, mapped_block) && mallopt(M_TRIM_THRESHOLD, slack) &&
         mallopt(M_ARENA_MAX, heaps);
}
