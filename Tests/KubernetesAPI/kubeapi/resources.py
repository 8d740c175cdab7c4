# SPDX-License-Identifier: Apache-2.0
"""The kinds that a server has, and those that CustomResourceDefinitions add."""
from dataclasses import dataclass

ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Resource:
    """A kind of object, at the versions at which it is served; the first is the preferred one."""
    group: str
    versions: tuple
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple = ()
    subresources: tuple = ()
    verbs: tuple = ALL
    categories: tuple = ()
    #: Whether metadata.generation counts changes of what is neither metadata nor status.
    counts_generations: bool = False
    #: For a custom resource: version -> the version's part of the definition.
    definition: dict = None

    @property
    def key(self):
        """What tells kinds apart: a kind is the same at all its versions."""
        return (self.group, self.plural)

    @property
    def full_name(self):
        """Its name in messages, `virtualservices.networking.istio.io`."""
        return self.plural + ("." + self.group if self.group else "")

    @property
    def is_custom(self):
        """Whether a CustomResourceDefinition made it."""
        return self.definition is not None

    @property
    def has_status(self):
        """Whether status is written by itself."""
        return "status" in self.subresources

    def api_version(self, version):
        """The apiVersion of an object served at `version`."""
        return self.group + "/" + version if self.group else version


def _core(plural, kind, *short, **more):
    return Resource("", ("v1",), plural, kind, short_names=short, **more)


def _kind(group, version, plural, kind, *short, **more):
    return Resource(group, (version,), plural, kind, short_names=short, **more)


STATUS = ("status",)
REVIEW = ("create",)
CATEGORY_ALL = ("all",)

BUILT_IN = (
    _core("namespaces", "Namespace", "ns", namespaced=False, subresources=("finalize", "status"),
          verbs=tuple(v for v in ALL if v != "deletecollection")),
    _core("nodes", "Node", "no", namespaced=False, subresources=STATUS),
    _core("services", "Service", "svc", subresources=STATUS, categories=CATEGORY_ALL),
    _core("endpoints", "Endpoints", "ep"),
    _core("pods", "Pod", "po", subresources=STATUS, categories=CATEGORY_ALL),
    _core("secrets", "Secret"),
    _core("configmaps", "ConfigMap", "cm"),
    _core("serviceaccounts", "ServiceAccount", "sa", subresources=("token",)),
    _core("events", "Event", "ev"),
    _core("limitranges", "LimitRange", "limits"),
    _core("resourcequotas", "ResourceQuota", "quota", subresources=STATUS),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", subresources=STATUS),
    _kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    _kind("coordination.k8s.io", "v1", "leases", "Lease"),
    _kind("apps", "v1", "deployments", "Deployment", "deploy", subresources=STATUS,
          categories=CATEGORY_ALL, counts_generations=True),
    _kind("apps", "v1", "replicasets", "ReplicaSet", "rs", subresources=STATUS,
          categories=CATEGORY_ALL, counts_generations=True),
    _kind("apps", "v1", "statefulsets", "StatefulSet", "sts", subresources=STATUS,
          categories=CATEGORY_ALL, counts_generations=True),
    _kind("apps", "v1", "daemonsets", "DaemonSet", "ds", subresources=STATUS,
          categories=CATEGORY_ALL, counts_generations=True),
    _kind("batch", "v1", "jobs", "Job", subresources=STATUS, categories=CATEGORY_ALL,
          counts_generations=True),
    _kind("batch", "v1", "cronjobs", "CronJob", "cj", subresources=STATUS,
          categories=CATEGORY_ALL, counts_generations=True),
    _kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa",
          subresources=STATUS, categories=CATEGORY_ALL),
    _kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb",
          subresources=STATUS, counts_generations=True),
    _kind("networking.k8s.io", "v1", "ingresses", "Ingress", "ing", subresources=STATUS,
          counts_generations=True),
    _kind("networking.k8s.io", "v1", "ingressclasses", "IngressClass", namespaced=False,
          counts_generations=True),
    _kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol",
          counts_generations=True),
    _kind("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    _kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    _kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False),
    _kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding",
          namespaced=False),
    _kind("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations",
          "MutatingWebhookConfiguration", namespaced=False, counts_generations=True),
    _kind("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations",
          "ValidatingWebhookConfiguration", namespaced=False, counts_generations=True),
    _kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies",
          "ValidatingAdmissionPolicy", namespaced=False, subresources=STATUS,
          counts_generations=True),
    _kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings",
          "ValidatingAdmissionPolicyBinding", namespaced=False, counts_generations=True),
    _kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
          "crd", "crds", namespaced=False, subresources=STATUS, categories=("api-extensions",),
          counts_generations=True),
    _kind("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest",
          "csr", namespaced=False, subresources=("approval", "status")),
    _kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False,
          verbs=REVIEW),
    _kind("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview",
          namespaced=False, verbs=REVIEW),
    _kind("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview",
          namespaced=False, verbs=REVIEW),
    _kind("authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview",
          verbs=REVIEW),
)

CUSTOM_RESOURCE_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
NAMESPACES = ("", "namespaces")


def version_rank(version):
    """Sorts versions as the API server prefers them: v2 before v1 before v1beta1 before v1alpha3."""
    import re
    found = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not found:
        return (1, 0, 0, 0)
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return (0, stage, -int(found[1]), -int(found[3] or 0))


def defined_by(crd):
    """The resource that a CustomResourceDefinition describes, at the versions that it serves."""
    spec, names = crd["spec"], crd["spec"]["names"]
    served = {v["name"]: v for v in spec["versions"] if v.get("served")}
    has_status = any("status" in (v.get("subresources") or {}) for v in served.values())
    return Resource(
        spec["group"], tuple(sorted(served, key=version_rank)), names["plural"], names["kind"],
        namespaced=spec.get("scope", "Namespaced") == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=STATUS if has_status else (), counts_generations=True, definition=served)
