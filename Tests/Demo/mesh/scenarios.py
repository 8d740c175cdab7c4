# SPDX-License-Identifier: Apache-2.0
"""The scenarios: those of Istio's tasks on traffic management, over bookinfo.

Each is a function of a Play; its name is what --only takes, its docstring what is printed."""
import collections
import time

from .config import to
from .play import statuses, versions

JASON = {"end-user": "jason"}
SCENARIOS = collections.OrderedDict()
EVERY_HOST = "*"


def scenario(function):
    """Registers a scenario under its name."""
    SCENARIOS[function.__name__.replace("_", "-")] = function
    return function


@scenario
def capture(play):
    """What a program sends to a service's address goes through its sidecar"""
    before = play.box.admin(play.pod("productpage-v1")).stats("downstream_cx_total")
    answer = play.ask("reviews", "/reviews/0")
    play.report.equal("the answer's status", 200, answer.status)
    play.report.equal("the server header is Envoy's", "envoy", answer.headers.get("server"))
    after = play.box.admin(play.pod("productpage-v1")).stats("downstream_cx_total")
    play.report.check("connections that the sidecar counted", "more than before",
                      sum(after.values()) - sum(before.values()),
                      sum(after.values()) > sum(before.values()))


capture.needs_capture = True


@scenario
def all_to_v1(play):
    """Every request to v1"""
    play.all_to_v1()
    answers = play.ask_many(100, "reviews", "/reviews/0")
    play.report.equal("reviews answered by", {"v1": 100}, dict(versions(answers)))
    page = play.enter()
    play.report.equal("the page through the gateway", 200, page.status)
    play.report.equal("the reviews on it", "v1", (page.json.get("reviews") or {}).get("version"))


@scenario
def split_90_10(play):
    """90 in 100 requests to v1, 10 to v2"""
    play.all_to_v1()
    play.routes("reviews", [{"route": [to("reviews", "v1", 90), to("reviews", "v2", 10)]}])
    answers = play.ask_many(400, "reviews", "/reviews/0")
    play.report.share("reviews answered by", versions(answers), {"v1": 0.9, "v2": 0.1}, 400)


@scenario
def split_50_50(play):
    """Half of the requests to v1, half to v3"""
    play.all_to_v1()
    play.routes("reviews", [{"route": [to("reviews", "v1", 50), to("reviews", "v3", 50)]}])
    answers = play.ask_many(400, "reviews", "/reviews/0")
    play.report.share("reviews answered by", versions(answers), {"v1": 0.5, "v3": 0.5}, 400)


@scenario
def user_to_v2(play):
    """The user jason to v2, all others to v1"""
    play.all_to_v1()
    play.routes("reviews", [
        {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": [to("reviews", "v2")]},
        {"route": [to("reviews", "v1")]}])
    jason = play.ask_many(50, "reviews", "/reviews/0", JASON)
    others = play.ask_many(50, "reviews", "/reviews/0", {"end-user": "kim"})
    play.report.equal("jason's reviews", {"v2": 50}, dict(versions(jason)))
    play.report.equal("others' reviews", {"v1": 50}, dict(versions(others)))
    page = play.enter(headers=JASON).json.get("reviews") or {}
    play.report.equal("on jason's page through the gateway", ("v2", "black", 200),
                      (page.get("version"), page.get("stars"), page.get("ratings_status")))


@scenario
def delay(play):
    """A delay of some seconds on ratings for jason (7 s, as Istio's task has it)"""
    play.all_to_v1()
    play.routes("ratings", [
        {"match": [{"headers": {"end-user": {"exact": "jason"}}}],
         "fault": {"delay": {"percentage": {"value": 100}, "fixedDelay": "%gs" % play.long_delay}},
         "route": [to("ratings", "v1")]},
        {"route": [to("ratings", "v1")]}])
    slow = play.ask("ratings", "/ratings/0", JASON, source="reviews-v2", timeout=60)
    quick = play.ask("ratings", "/ratings/0", source="reviews-v2")
    play.report.check("jason waits", "200 after %g s or a little more" % play.long_delay,
                      "%d after %.2f s" % (slow.status, slow.seconds),
                      slow.status == 200 and
                      play.long_delay - 0.05 <= slow.seconds < play.long_delay + 5)
    play.report.check("others do not", "200 within 2 s",
                      "%d after %.2f s" % (quick.status, quick.seconds),
                      quick.status == 200 and quick.seconds < 2)


@scenario
def abort(play):
    """ratings answers jason with 500, without being asked"""
    play.all_to_v1()
    play.routes("ratings", [
        {"match": [{"headers": {"end-user": {"exact": "jason"}}}],
         "fault": {"abort": {"percentage": {"value": 100}, "httpStatus": 500}},
         "route": [to("ratings", "v1")]},
        {"route": [to("ratings", "v1")]}])
    play.counts("ratings-v1", reset=True)
    jason = play.ask_many(20, "ratings", "/ratings/0", JASON, source="reviews-v2")
    play.report.equal("jason's answers", {500: 20}, dict(statuses(jason)))
    play.report.equal("of these, requests that reached ratings", 0,
                      play.counts("ratings-v1").get("total"))
    others = play.ask_many(20, "ratings", "/ratings/0", source="reviews-v2")
    play.report.equal("others' answers", {200: 20}, dict(statuses(others)))


@scenario
def timeout(play):
    """Requests to reviews end after half a second"""
    play.all_to_v1()
    play.routes("reviews", [{"timeout": "0.5s", "retries": {"attempts": 0},
                             "route": [to("reviews", "v1")]}])
    late = play.ask("reviews", "/reviews/0", {"x-demo-delay-ms": "3000"})
    quick = play.ask("reviews", "/reviews/0")
    play.report.check("an answer that would take 3 s", "504 after 0.5 s or a little more",
                      "%d after %.2f s" % (late.status, late.seconds),
                      late.status == 504 and 0.45 <= late.seconds < 2.5)
    play.report.equal("one that does not", 200, quick.status)


@scenario
def retries(play):
    """A request that fails is sent again"""
    play.all_to_v1()
    rule = {"route": [to("reviews", "v1")]}
    play.routes("reviews", [dict(rule, retries={"attempts": 0})])
    once = play.ask("reviews", "/reviews/0", {"x-demo-fail": "without-%d:2" % play.edits})
    play.report.equal("without retries", 503, once.status)
    play.routes("reviews", [dict(rule, retries={
        "attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx"})])
    play.counts("reviews-v1", reset=True)
    again = play.ask("reviews", "/reviews/0", {"x-demo-fail": "with-%d:2" % play.edits})
    play.report.equal("with three: the status, and what reviews was asked and failed",
                      (200, 3, 2), (again.status, *(
                          play.counts("reviews-v1").get(k) for k in ("total", "failed"))))


@scenario
def mirror(play):
    """Every request to v1 goes to v3 as well, whose answer nobody sees"""
    play.all_to_v1()
    play.routes("reviews", [{
        "route": [to("reviews", "v1")],
        "mirror": {"host": "reviews", "subset": "v3"}, "mirrorPercentage": {"value": 100}}])
    play.counts("reviews-v3", reset=True)
    answers = play.ask_many(50, "reviews", "/reviews/0")
    play.report.equal("answered by", {"v1": 50}, dict(versions(answers)))
    play.until("the last mirrored request", lambda: play.counts("reviews-v3")["total"] >= 50)
    seen = play.counts("reviews-v3")
    play.report.equal("v3 was asked, with the host as it was", (50, 0),
                      (seen["total"], seen["shadow"]))


@scenario
def circuit_breaker(play):
    """Of many requests at once, those beyond the pool's limits fail at once"""
    play.all_to_v1()
    play.routes("details", [{"route": [to("details")], "retries": {"attempts": 0}}])
    before = statuses(play.ask_together(20, "details", "/details/0", {"x-demo-delay-ms": "400"}))
    play.report.equal("20 at once, without limits", {200: 20}, dict(before))
    play.box.config.destination_rule("details", {"host": "details", "trafficPolicy": {
        "connectionPool": {"tcp": {"maxConnections": 1},
                           "http": {"http1MaxPendingRequests": 1, "maxRequestsPerConnection": 1}}}})
    pod = play.pod("productpage-v1")
    name = "outbound|9080||details.default.svc.cluster.local"
    play.until("the limits to reach productpage's sidecar", lambda: any(
        t.get("max_connections") == 1 for t in (play.box.admin(pod).cluster(name) or {}).get(
            "circuit_breakers", {}).get("thresholds", [])), pod)
    answers = play.ask_together(20, "details", "/details/0", {"x-demo-delay-ms": "400"})
    seen = statuses(answers)
    play.report.check("20 at once, with one connection and one waiting",
                      "200 for 1 to 8, 503 for the rest", dict(seen),
                      1 <= seen[200] <= 8 and seen[200] + seen[503] == 20)
    play.report.check("x-envoy-overloaded on a refused one", "true",
                      sorted({a.headers.get("x-envoy-overloaded") for a in answers
                              if a.status == 503}, key=str),
                      all(a.headers.get("x-envoy-overloaded") == "true" for a in answers
                          if a.status == 503))


@scenario
def outlier(play):
    """A pod that fails is left out for a while"""
    play.all_to_v1()
    play.box.config.destination_rule("reviews", {
        "host": "reviews",
        "subsets": [{"name": v, "labels": {"version": v}} for v in ("v1", "v2", "v3")],
        "trafficPolicy": {"outlierDetection": {
            "consecutive5xxErrors": 1, "interval": "0.2s", "baseEjectionTime": "60s",
            "maxEjectionPercent": 100}}})
    pod, name = play.pod("productpage-v1"), "outbound|9080|v2|reviews.default.svc.cluster.local"
    play.until("outlier detection in productpage's sidecar", lambda: (
        play.box.admin(pod).cluster(name) or {}).get("outlier_detection"), pod)
    play.routes("reviews", [{"retries": {"attempts": 0}, "route": [to("reviews", "v2")]}])
    failing = play.ask("reviews", "/reviews/0", {"x-demo-status": "500"})
    play.report.equal("the pod's own failure", 500, failing.status)
    play.until("the pod to be ejected", lambda: play.box.admin(pod).stat(
        "cluster.%s;.outlier_detection.ejections_active" % name) or play.box.admin(pod).stat(
            "cluster.%s.outlier_detection.ejections_active" % name))
    play.counts("reviews-v2", reset=True)
    answers = play.ask_many(10, "reviews", "/reviews/0")
    play.report.equal("while it is out", {503: 10}, dict(statuses(answers)))
    play.report.equal("requests that reached it", 0, play.counts("reviews-v2")["total"])


@scenario
def ingress(play):
    """The gateway routes by host and by path, and knows nothing else"""
    play.all_to_v1()
    gateway = ["bookinfo-gateway"]
    play.routes("bookinfo", [
        {"match": [{"uri": {"exact": "/productpage"}}], "route": [to("productpage", port=9080)]},
        {"match": [{"uri": {"prefix": "/details/"}}], "route": [to("details", port=9080)]},
        {"match": [{"uri": {"prefix": "/stars/"}}], "rewrite": {"uri": "/ratings/"},
         "route": [to("ratings", port=9080)]},
    ], ["bookinfo.example"], gateway)
    play.routes("ratings-outside", [{"route": [to("ratings", port=9080)]}],
                ["ratings.example"], gateway)
    rows = [("bookinfo.example", "/productpage", 200, "productpage"),
            ("bookinfo.example", "/details/7", 200, "details"),
            ("bookinfo.example", "/stars/7", 200, "ratings"),
            ("bookinfo.example", "/elsewhere", 404, None),
            ("ratings.example", "/productpage", 200, "ratings"),
            ("unknown.example", "/productpage", 404, None)]
    for host, path, status, service in rows:
        answer = play.enter(path, host)
        play.report.equal("http://%s%s" % (host, path), (status, service),
                          (answer.status, answer.json.get("service")))
    play.report.equal("the rewritten path", "/ratings/7",
                      play.enter("/stars/7").json.get("path"))


@scenario
def pod_goes(play):
    """A pod is removed, and comes back, while traffic runs"""
    play.all_to_v1()
    play.routes("reviews", [{"route": [to("reviews")]}])
    play.routes("bookinfo", [{"route": [to("reviews", port=9080)]}],
                [EVERY_HOST], ["bookinfo-gateway"])
    load = play.load(50, 600, "/reviews/0", "bookinfo.example")
    try:
        before = play.ask_many(60, "reviews", "/reviews/0")
        play.report.equal("reviews answered by", ["v1", "v2", "v3"], sorted(versions(before)))
        saved = play.box.config.get("EndpointSlice", "reviews-1")
        document = play.box.config.get("Pod", "reviews-v3")
        remove_pod(play, "reviews-v3")
        after = play.ask_many(60, "reviews", "/reviews/0")
        play.report.equal("without v3", ["v1", "v2"], sorted(versions(after)))
        play.box.stop_pod(play.pod("reviews-v3"))
        gone = play.ask_many(30, "reviews", "/reviews/0")
        play.report.equal("after it has stopped", {200: 30}, dict(statuses(gone)))
        bring_back(play, document, saved)
        back = play.ask_many(60, "reviews", "/reviews/0")
        play.report.equal("with v3 again", ["v1", "v2", "v3"], sorted(versions(back)))
    finally:
        load.terminate()
        said = load.communicate()[0]
    play.report.check("50 requests a second through the gateway meanwhile", "none failed",
                      said.strip(), '"failed":0,' in said)


def remove_pod(play, name):
    """Takes a pod's endpoint, then its object, as a cluster does, and waits for every proxy."""
    pod = play.pod(name)
    slice_ = play.box.config.get("EndpointSlice", "reviews-1")
    slice_["endpoints"] = [e for e in slice_["endpoints"] if pod.address not in e["addresses"]]
    began = time.monotonic()
    play.box.config.put(slice_)
    play.box.config.remove("Pod", name)
    wait_endpoint(play, pod, False)
    play.report.line("   the pod was gone from every proxy after %.0f ms" % (
        (time.monotonic() - began) * 1000))


def bring_back(play, document, saved):
    """Starts the pod again, and then gives it back to the service."""
    play.box.config.put(document)
    pod = play.pod(document["metadata"]["name"])
    play.box.start_pod(pod)
    play.box.wait_ready(pod)
    play.box.config.put(saved)
    wait_endpoint(play, pod, True)


def wait_endpoint(play, pod, wanted):
    """Waits until every proxy has, or has not, the pod among the endpoints of reviews."""
    name = "outbound|9080||reviews.default.svc.cluster.local"
    where = "%s:%d" % (pod.address, 9080)
    for other in [p for p in play.sidecars() if p is not pod] + [play.box.gateway]:
        play.until("%s to %s %s" % (other.name, "know" if wanted else "forget", where),
                   lambda o=other: (where in play.box.admin(o).endpoints(name)) == wanted, other)


@scenario
def nothing_refused(play):
    """No proxy refused anything it was sent"""
    for pod in play.sidecars() + [play.box.gateway]:
        admin = play.box.admin(pod)
        play.report.equal(pod.name, "nothing", show_refused(admin))


def show_refused(admin):
    """What an Envoy refused."""
    rejected = admin.rejected()
    return "; ".join(["%s=%d" % pair for pair in rejected.items()] + admin.refusals()) or "nothing"
