# SPDX-License-Identifier: Apache-2.0
"""watch: events from a version on, bookmarks, and the streaming list."""
import time

from . import forms, reads
from .errors import APIError, expired, NoSuchResource, too_large

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Watch:
    """One watch, from its first frame to its end."""

    def __init__(self, api, request, resource, exchange):
        self.api, self.store = api, api.store
        self.request, self.resource, self.exchange = request, resource, exchange
        self.selector = reads.selector_of(request, resource)
        self.form = forms.of(request, resource)
        self.prefix = request.namespace + "/" if request.namespace else ""
        self.bookmarks = request.flag("allowWatchBookmarks")
        self.initial = request.flag("sendInitialEvents")
        asked = request.query.get("resourceVersion", "")
        reads.check_options(request, asked, request.query.get("resourceVersionMatch", ""), "")
        self.asked = int(asked or 0)
        seconds = request.number("timeoutSeconds") or api.watch_timeout
        self.deadline = time.monotonic() + seconds
        self.next_bookmark = time.monotonic() + api.bookmark_interval

    def run(self):
        """Sends what there is until the time is over, the client is gone or the kind is."""
        self.exchange.begin(200, {"Content-Type": self.form.stream_type})
        try:
            with self.store.changed:
                first, state, version = self._start()
            if state is not None:
                for record in state:
                    self._send("ADDED", record)
                if self.initial and self.bookmarks:
                    self._send_bookmark(version, {INITIAL_EVENTS_END: "true"})
            self._follow(first)
        except APIError as error:
            # Once the request itself is well formed, a watch's errors come as an event.
            self._frame("ERROR", self.form.error(error.status()))
        self.exchange.end()

    def _start(self):
        """The number of the first event to send; before it the state and its version, if asked."""
        store, log = self.store, self._log()
        if self.asked == 0 and "sendInitialEvents" in self.request.query and not self.initial:
            return log.end, None, None
        if self.initial or self.asked == 0:
            store.wait(lambda: store.version >= self.asked, 3)
            if store.version < self.asked:
                raise too_large(self.asked, store.version)
            state = store.objects[self.resource.key]
            chosen = [state[k] for k in sorted(state) if self._wants(k, state[k])]
            return log.end, chosen, store.version
        if self.asked < log.floor:
            raise expired("too old resource version: %d (%d)" % (self.asked, log.floor))
        return log.after(self.asked), None, None

    def _log(self):
        log = self.store.logs.get(self.resource.key)
        if log is None:
            raise NoSuchResource()
        return log

    def _wants(self, key, record):
        return record is not None and key.startswith(self.prefix) and (
            not self.selector or self.selector.matches(record.object))

    def _follow(self, position):
        epoch = self.store.epoch
        while True:
            with self.store.changed:
                self._wait(position, epoch)
                if self.store.epoch != epoch or self.exchange.gone:
                    return
                log = self._log()
                if position < log.base:
                    raise expired("too old resource version: the events were compacted")
                held = self.resource.key in self.store.held
                events = [] if held else log.events[position - log.base:]
                version = self.store.version
            for event in events:
                self._send_event(event)
            position += len(events)
            now = time.monotonic()
            over = now >= self.deadline
            if self.bookmarks and not held and (over or now >= self.next_bookmark):
                self._send_bookmark(version)
                self.next_bookmark = now + self.api.bookmark_interval
            if over:
                return

    def _wait(self, position, epoch):
        """Waits for something to do: an event, a bookmark's or the watch's own time, an end."""
        def something():
            if self.store.epoch != epoch or self.exchange.gone:
                return True
            log = self.store.logs.get(self.resource.key)
            if log is None or position < log.base:
                return True
            return log.end > position and self.resource.key not in self.store.held
        until = min(self.deadline, self.next_bookmark) if self.bookmarks else self.deadline
        self.store.wait(something, max(0, until - time.monotonic()))

    def _send_event(self, event):
        before, after = self._wants(event.key, event.before), self._wants(event.key, event.after)
        if after:
            self._send("MODIFIED" if before else "ADDED", event.after)
        elif before:
            # What leaves the selection looks deleted, in its last state that was selected.
            self._send("DELETED", event.last if event.after is None else self._left(event))

    def _left(self, event):
        from .store import Record
        metadata = dict(event.before.object["metadata"], resourceVersion=str(event.version))
        return Record(self.resource, dict(event.before.object, metadata=metadata), event.version)

    def _send(self, kind, record):
        self._frame(kind, self.form.one(record))

    def _send_bookmark(self, version, annotations=None):
        metadata = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        self._frame("BOOKMARK", self.form.bookmark(metadata))

    def _frame(self, kind, body):
        frame = self.form.frame(kind, body)
        for _ in range(2 if self.exchange.duplicates else 1):
            self.exchange.write(frame)
