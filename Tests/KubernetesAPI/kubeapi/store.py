# SPDX-License-Identifier: Apache-2.0
"""What etcd and the watch cache are to a real server: objects, their versions, and what happened."""
import bisect
import json
import threading
from dataclasses import dataclass, field

from . import resources
from .errors import expired, too_large


class Record:
    """One version of one object. Nobody changes it; its JSON is made once for each API version."""
    __slots__ = ("resource", "object", "version", "encoded")

    def __init__(self, resource, obj, version):
        self.resource, self.object, self.version, self.encoded = resource, obj, version, {}

    def json(self, api_version, in_list=False):
        """The object as it is served at `api_version`, in UTF-8.

        In a list Kubernetes' own objects do not say their kind, which the list says for all.
        """
        bare = in_list and not self.resource.is_custom
        key = "" if bare else api_version
        made = self.encoded.get(key)
        if made is None:
            head = {} if bare else {"kind": self.resource.kind, "apiVersion": api_version}
            made = json.dumps(dict(head, **self.object), separators=(",", ":"),
                              ensure_ascii=False).encode()
            self.encoded[key] = made
        return made


@dataclass
class Event:
    """A change: the version at which it happened, and the records before and after.

    `last` is the record that a watch shows: that after, or for a removal the last state with the
    version of the removal.
    """
    version: int
    key: str
    before: Record
    after: Record
    last: Record


@dataclass
class Log:
    """The events of a kind that are still known, and where older ones ended."""
    floor: int = 0  #: events at or below this version are forgotten
    base: int = 0   #: the number of the first event that is known
    events: list = field(default_factory=list)

    @property
    def end(self):
        """The number that the next event will have."""
        return self.base + len(self.events)

    def after(self, version):
        """The number of the first event later than `version`."""
        return self.base + bisect.bisect_right(self.events, version, key=lambda e: e.version)

    def forget(self, count):
        """Drops the oldest events."""
        if count > 0:
            self.floor = self.events[count - 1].version
            self.base += count
            del self.events[:count]


def object_key(namespace, name):
    """The key by which objects of a kind are sorted, as etcd sorts them."""
    return namespace + "/" + name if namespace else name


class Store:
    """All objects. Hold `changed` to read or write; it is notified of every change."""

    def __init__(self, window=5000, first_version=1000):
        self.changed = threading.Condition(threading.RLock())
        self.version = first_version
        self.window = window
        self.kinds = {}
        self.objects = {}
        self.logs = {}
        #: Counts what open watches must look up from: kinds that left, and requests to close.
        self.epoch = 0
        #: Kinds of which watches are told nothing for now.
        self.held = set()
        for resource in resources.BUILT_IN:
            self.register(resource)

    def register(self, resource):
        """Serves a kind; what is stored of it stays."""
        self.kinds[resource.key] = resource
        self.objects.setdefault(resource.key, {})
        self.logs.setdefault(resource.key, Log(floor=self.version))

    def unregister(self, key):
        """Stops serving a kind, whose objects are gone already."""
        self.kinds.pop(key, None)
        self.objects.pop(key, None)
        self.logs.pop(key, None)
        self.epoch += 1

    def get(self, resource, namespace, name):
        """The record of an object, or None."""
        return self.objects.get(resource.key, {}).get(object_key(namespace, name))

    def commit(self, resource, namespace, name, obj):
        """Stores `obj`, which becomes the store's, or removes it where None; returns the record.

        A removed object's record has the version of its removal, as a watch shows it.
        """
        key = object_key(namespace, name)
        table, log = self.objects[resource.key], self.logs[resource.key]
        before = table.get(key)
        self.version += 1
        if obj is None:
            last = dict(before.object, metadata=dict(before.object["metadata"]))
            last["metadata"]["resourceVersion"] = str(self.version)
            record = Record(resource, last, self.version)
            del table[key]
            log.events.append(Event(self.version, key, before, None, record))
        else:
            obj["metadata"]["resourceVersion"] = str(self.version)
            record = Record(resource, obj, self.version)
            table[key] = record
            log.events.append(Event(self.version, key, before, record, record))
        log.forget(len(log.events) - self.window)
        self.changed.notify_all()
        return record

    def compact(self):
        """Forgets all events, as etcd's compaction does: older versions are 410 from now on."""
        for log in self.logs.values():
            log.forget(len(log.events))
            log.floor = self.version
        self.changed.notify_all()

    def state_at(self, resource, version):
        """{key: record} as it was at `version`; APIError where that is forgotten or not yet."""
        table, log = self.objects[resource.key], self.logs[resource.key]
        if version > self.version:
            raise too_large(version, self.version)
        if version == self.version:
            return table
        if version < log.floor:
            raise expired("The provided resource version is too old: %d (%d)"
                          % (version, log.floor + 1))
        past = dict(table)
        for event in reversed(log.events):
            if event.version <= version:
                break
            if event.before is None:
                past.pop(event.key, None)
            else:
                past[event.key] = event.before
        return past

    def wait(self, condition, seconds):
        """Waits until `condition()` holds, `changed` held; returns whether it does."""
        return self.changed.wait_for(condition, seconds)
