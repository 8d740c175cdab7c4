# SPDX-License-Identifier: Apache-2.0
"""create, update, patch, delete: what is done to an object on its way in."""
import copy
import datetime
import random
import re
import uuid

from . import admission, apply, messages, patches
from .errors import (APIError, already_exists, bad_request, conflict, invalid, not_found,
                     unsupported_media_type)
from .resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES

MODIFIED_MEANWHILE = ("the object has been modified; please apply your changes to the latest "
                      "version and try again")
PATCHES = ("application/json-patch+json", "application/merge-patch+json",
           "application/strategic-merge-patch+json", "application/apply-patch+yaml")
#: The kinds that an update makes where there is nothing of the name.
MADE_BY_UPDATE = ("services", "endpoints", "leases", "events", "limitranges", "roles", "rolebindings",
                  "clusterroles", "clusterrolebindings")


def now():
    """The time as objects carry it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Writer:
    """Writes to a store. Every method wants `store.changed` held."""

    def __init__(self, store, keep_status=False):
        self.store, self.keep_status = store, keep_status

    # --- create

    def create(self, resource, namespace, obj, dry_run=False, trusted=False):
        """Stores a new object and returns its record. `trusted` input keeps its status."""
        obj = copy.deepcopy(obj)
        metadata = self._identify(resource, namespace, obj)
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if metadata.get("resourceVersion") and not trusted:
            raise APIError(500, "", "resourceVersion should not be set on objects to be created")
        if self.store.get(resource, namespace, name):
            raise already_exists(resource, name)
        self._check_namespace(resource, namespace)
        if resource.has_status and not (trusted or self.keep_status) and (
                resource.key != CUSTOM_RESOURCE_DEFINITIONS):
            obj.pop("status", None)
        for field in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
                      "selfLink", "generation"):
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata.setdefault("creationTimestamp", None)
        metadata["creationTimestamp"] = metadata["creationTimestamp"] if trusted and metadata[
            "creationTimestamp"] else now()
        if resource.counts_generations:
            metadata["generation"] = 1
        admission.default(self.store, resource, obj)
        admission.check(resource, obj, None)
        record = self._commit(resource, namespace, name, obj, dry_run)
        if resource.key == CUSTOM_RESOURCE_DEFINITIONS and not dry_run:
            record = self._establish(record)
        return record

    def _identify(self, resource, namespace, obj):
        """Checks and completes kind, name and namespace; returns the metadata."""
        obj.pop("apiVersion", None)
        kind = obj.pop("kind", resource.kind)
        if kind != resource.kind:
            raise bad_request("%s in version is not a %s" % (kind, resource.kind))
        metadata = obj.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(
                random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
        name = metadata.get("name") or ""
        if not name:
            raise invalid(resource.kind, resource.group, "",
                          [("metadata.name", "Required value: name or generateName is required")])
        if not _legal(resource, name):
            raise invalid(resource.kind, resource.group, name, [(
                "metadata.name", 'Invalid value: "%s": a lowercase RFC 1123 subdomain must consist '
                "of lower case alphanumeric characters, '-' or '.', and must start and end with an "
                "alphanumeric character" % name)])
        if not resource.namespaced:
            metadata.pop("namespace", None)
        elif namespace and metadata.setdefault("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace "
                              "sent on the request")
        elif not metadata.get("namespace"):
            raise bad_request("an empty namespace may not be set during creation")
        return metadata

    def _check_namespace(self, resource, namespace):
        if not resource.namespaced:
            return
        spaces = self.store.kinds[NAMESPACES]
        found = self.store.get(spaces, "", namespace)
        if found is None:
            raise not_found(spaces, namespace)
        if found.object["metadata"].get("deletionTimestamp"):
            raise APIError(403, "Forbidden", "unable to create new content in namespace %s because "
                           "it is being terminated" % namespace)

    def _establish(self, record):
        """Serves the kind that a CustomResourceDefinition describes."""
        from . import resources
        obj = copy.deepcopy(record.object)
        spec = obj["spec"]
        stored = [v["name"] for v in spec["versions"] if v.get("storage")]
        names = dict(spec["names"])
        names.setdefault("listKind", names["kind"] + "List")
        names.setdefault("singular", names["kind"].lower())
        obj["spec"]["names"] = names
        status = obj.setdefault("status", {})
        status["acceptedNames"], status["storedVersions"] = names, stored
        status["conditions"] = [
            {"type": kind, "status": "True", "reason": reason, "message": message,
             "lastTransitionTime": now()}
            for kind, reason, message in (
                ("NamesAccepted", "NoConflicts", "no conflicts found"),
                ("Established", "InitialNamesAccepted", "the initial names have been accepted"))]
        self.store.register(resources.defined_by(obj))
        return self._commit(record.resource, "", obj["metadata"]["name"], obj)

    # --- update and patch

    def update(self, resource, request, obj, dry_run=False):
        """Replaces an object, or its status alone."""
        obj = copy.deepcopy(obj)
        record = self.store.get(resource, request.namespace, request.name)
        if record is None:
            return self._make_by_update(resource, request, obj, dry_run)
        obj.pop("apiVersion", None)
        if obj.pop("kind", resource.kind) != resource.kind:
            raise bad_request("the object provided is not a " + resource.kind)
        metadata = obj.setdefault("metadata", {})
        if metadata.setdefault("name", request.name) != request.name:
            raise bad_request("the name of the object (%s) does not match the name on the URL (%s)"
                              % (metadata["name"], request.name))
        given = metadata.get("resourceVersion")
        if resource.is_custom and not given and request.verb == "update":
            raise invalid(resource.plural, resource.group, request.name, [(
                "metadata.resourceVersion", "Invalid value: 0: must be specified for an update")])
        if given and given != record.object["metadata"]["resourceVersion"]:
            raise conflict(resource, request.name, MODIFIED_MEANWHILE)
        if metadata.get("uid", record.object["metadata"]["uid"]) != record.object["metadata"]["uid"]:
            raise conflict(resource, request.name, "Precondition failed: UID in precondition: %s, "
                           "UID in object meta: %s" % (metadata["uid"],
                                                       record.object["metadata"]["uid"]))
        return self._replace(resource, record, obj, request.subresource, dry_run)

    def _make_by_update(self, resource, request, obj, dry_run):
        """Some kinds are made by an update of what is not there."""
        metadata = obj.get("metadata") or {}
        if resource.plural not in MADE_BY_UPDATE or request.subresource or request.verb != "update":
            raise not_found(resource, request.name)
        if metadata.get("uid") or metadata.get("resourceVersion"):
            raise conflict(resource, request.name, "StorageError: invalid object, Code: 4, "
                           "AdditionalErrorMsg: Precondition failed: UID in precondition: %s, UID in "
                           "object meta: " % metadata.get("uid", ""))
        return self.create(resource, request.namespace, obj, dry_run)

    def patch(self, resource, request, body, dry_run=False):
        """Changes an object by a patch; a server-side apply makes it where it is missing."""
        kind = request.content_type
        if kind not in PATCHES or (resource.is_custom and "strategic" in kind):
            raise unsupported_media_type(kind, PATCHES)
        record = self.store.get(resource, request.namespace, request.name)
        if kind == "application/apply-patch+yaml":
            return apply.apply(self, resource, request, record, body, dry_run)
        if record is None:
            raise not_found(resource, request.name)
        before = dict(kind=resource.kind, apiVersion=resource.api_version(request.version),
                      **copy.deepcopy(record.object))
        if kind == "application/json-patch+json":
            after = patches.json_patch(before, body)
        elif kind == "application/merge-patch+json":
            after = patches.merge(before, body)
        else:
            after = patches.strategic(before, body)
        return self.update(resource, request, messages.conform(resource, after)[0], dry_run)

    def _replace(self, resource, record, obj, subresource, dry_run):
        old = record.object
        metadata, kept = obj["metadata"], old["metadata"]
        if subresource == "status":
            obj = dict(copy.deepcopy(old), metadata=copy.deepcopy(kept), status=obj.get("status"))
            metadata = obj["metadata"]
            if obj["status"] is None:
                del obj["status"]
        elif resource.has_status and not self.keep_status:
            obj.pop("status", None)
            if "status" in old:
                obj["status"] = old["status"]
        for field in ("uid", "creationTimestamp", "namespace", "generation", "generateName",
                      "deletionTimestamp", "deletionGracePeriodSeconds"):
            if field in kept:
                metadata[field] = kept[field]
            else:
                metadata.pop(field, None)
        admission.default(self.store, resource, obj, old)
        admission.check(resource, obj, old)
        metadata["resourceVersion"] = kept["resourceVersion"]
        if _without_managers(obj) == _without_managers(old):
            return record  # Nothing changed: no new version, no event.
        if resource.counts_generations and _content(obj) != _content(old):
            metadata["generation"] = kept.get("generation", 1) + 1
        namespace, name = kept.get("namespace", ""), kept["name"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            return self._remove(resource, namespace, name, dry_run)
        changed = self._commit(resource, namespace, name, obj, dry_run)
        if resource.key == CUSTOM_RESOURCE_DEFINITIONS and not dry_run and (
                obj["spec"] != old["spec"]):
            changed = self._establish(changed)
        return changed

    # --- delete

    def delete(self, resource, namespace, name, options=None, dry_run=False):
        """Removes an object, or marks it where finalizers wait; (record, whether it is gone)."""
        record = self.store.get(resource, namespace, name)
        if record is None:
            raise not_found(resource, name)
        metadata = record.object["metadata"]
        wanted = (options or {}).get("preconditions") or {}
        for field, own in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if wanted.get(field) and wanted[field] != metadata[field]:
                raise conflict(resource, name, "Precondition failed: %s in precondition: %s, %s in "
                               "object meta: %s" % (own, wanted[field], own, metadata[field]))
        if metadata.get("finalizers") or resource.key == NAMESPACES:
            record = self._mark(resource, record, dry_run)
            if metadata.get("finalizers") or dry_run:
                return record, False
        if resource.key == NAMESPACES:
            self._empty(name)
        if resource.key == CUSTOM_RESOURCE_DEFINITIONS and not dry_run:
            self._undefine(record)
        return self._remove(resource, namespace, name, dry_run), True

    def _mark(self, resource, record, dry_run):
        if record.object["metadata"].get("deletionTimestamp"):
            return record
        obj = copy.deepcopy(record.object)
        obj["metadata"].update(deletionTimestamp=now(), deletionGracePeriodSeconds=0)
        if resource.key == NAMESPACES:
            obj["status"] = {"phase": "Terminating"}
        return self._commit(resource, obj["metadata"].get("namespace", ""),
                            obj["metadata"]["name"], obj, dry_run)

    def _empty(self, namespace):
        """Removes all that is in a namespace, as the namespace controller would."""
        for resource in list(self.store.kinds.values()):
            for record in list(self.store.objects[resource.key].values()):
                if resource.namespaced and record.object["metadata"]["namespace"] == namespace:
                    self.delete(resource, namespace, record.object["metadata"]["name"])

    def _undefine(self, record):
        spec = record.object["spec"]
        key = (spec["group"], spec["names"]["plural"])
        resource = self.store.kinds.get(key)
        for one in list(self.store.objects.get(key, {}).values()):
            metadata = one.object["metadata"]
            self._remove(resource, metadata.get("namespace", ""), metadata["name"])
        self.store.unregister(key)

    def _remove(self, resource, namespace, name, dry_run=False):
        if dry_run:
            return self.store.get(resource, namespace, name)
        return self.store.commit(resource, namespace, name, None)

    def _commit(self, resource, namespace, name, obj, dry_run=False):
        if dry_run:
            from .store import Record
            obj["metadata"].setdefault("resourceVersion", "")
            return Record(resource, obj, 0)
        return self.store.commit(resource, namespace, name, obj)


def _legal(resource, name):
    if resource.group == "rbac.authorization.k8s.io":
        return name not in (".", "..") and not set(name) & set("/%")
    return len(name) <= 253 and re.fullmatch(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", name)


def _without_managers(obj):
    return dict(obj, metadata={k: v for k, v in obj["metadata"].items()
                               if k not in ("managedFields", "resourceVersion")})


def _content(obj):
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")}
