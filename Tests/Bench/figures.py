# SPDX-License-Identifier: Apache-2.0
"""What istiod 1.30.3 took for the same work on two cores, and what is to be reached here.

Keys are (measure, services, proxies, mode). CPU is the control plane's, in seconds; times of changes
are milliseconds from the edit to the acknowledgements of half and of 99 % of the proxies.
"""

ISTIOD = {
    ("cold sync", 1000, 100, "delta"): "6.5 s, 9.9 s CPU, 447 MB, RSS 426 MB",
    ("cold sync", 1000, 100, "sotw"): "7.1 s, 10.2 s CPU, 429 MB, RSS 431 MB",
    ("cold sync", 1000, 500, "delta"): "36.6 s, 47.1 s CPU, 2,237 MB, RSS 646 MB",
    ("cold sync", 1000, 500, "sotw"): "37.2 s, 41.6 s CPU, 2,143 MB, RSS 437 MB",
    ("cold sync", 1000, 1000, "delta"): "82.7 s, 111.2 s CPU, 4,475 MB, RSS 2,279 MB",
    ("cold sync", 1000, 1000, "sotw"): "76.3 s, 96.5 s CPU, 4,286 MB, RSS 947 MB",
    ("cold sync", 5000, 50, "delta"): "29.8 s, 39.5 s CPU, 1,116 MB, RSS 2,205 MB",
    ("cold sync", 10000, 50, "delta"): "67.0 s, 81.0 s CPU, 2,233 MB, RSS 4,444 MB",
    ("peak", 1000, 1000, "delta"): "RSS 2,672 MB",
    ("start to ready", 1000, 500, "delta"): "1.4 s",
    ("start to ready", 5000, 50, "delta"): "13 s",
    ("start to ready", 10000, 50, "delta"): "11 s, 18 s CPU",
    ("endpoints of one service", 1000, 500, "delta"): "214 / 249 ms, 0.27 s CPU, 1.2 MB",
    ("one VirtualService weight", 1000, 500, "delta"): "1,909 / 3,490 ms, 5.9 s CPU, 344 MB",
    ("one VirtualService weight", 1000, 500, "sotw"): "6,687 / 11,554 ms, 12.3 s CPU, 1,422 MB",
    ("one new service", 1000, 500, "delta"): "2,082 / 3,643 ms, 6.1 s CPU, 346 MB",
    ("an annotation of a VirtualService", 1000, 500, "delta"): "0.01 s CPU, 0 MB",
    ("mesh-wide PeerAuthentication", 1000, 500, "delta"): "6,720 / 11,830 ms, 13.3 s CPU, 1,941 MB",
    ("mesh-wide PeerAuthentication", 1000, 500, "sotw"): "1,829 MB",
    ("restart, versions named", 1000, 500, "delta"): "48 s, 58 s CPU, 2,237 MB",
    ("restart, versions named", 1000, 500, "sotw"): "55 s, 70 s CPU, 2,140 MB",
    ("ten endpoint changes a second", 1000, 500, "delta"): "316 / 792 ms, 69 s CPU in 60 s, 568 MB",
    ("memory a connected proxy", 1000, 1000, "delta"): "2.0 MB resident, 0.35-0.52 MB of it live",
}

# Facts of a row, none of which may be more: seconds, cpu_s, p50_ms, p99_ms, rss_mb, megabytes, kb.
WANTED = {
    ("cold sync", 1000, 1000, "delta"): {"seconds": 12, "cpu_s": 9},
    ("cold sync", 10000, 50, "delta"): {"seconds": 6, "cpu_s": 8, "rss_mb": 700},
    ("peak", 1000, 1000, "delta"): {"rss_mb": 300},
    ("memory a connected proxy", 1000, 1000, "delta"): {"kb": 100},
    ("endpoints of one service", 1000, 500, "delta"): {"p50_ms": 20, "p99_ms": 60, "cpu_s": 0.025},
    ("one VirtualService weight", 1000, 500, "delta"): {"p50_ms": 600, "p99_ms": 900, "cpu_s": 0.6},
    ("one new service", 1000, 500, "delta"): {"p50_ms": 650, "p99_ms": 950, "cpu_s": 0.7},
    ("mesh-wide PeerAuthentication", 1000, 500, "delta"): {"cpu_s": 0.5},
    ("restart, versions named", 1000, 500, "delta"): {"seconds": 5, "cpu_s": 4, "resources_a_proxy": 0},
    ("ten endpoint changes a second", 1000, 500, "delta"): {"p99_ms": 80, "cpu_s": 4},
}


def verdict(key, facts):
    """Whether a row reaches what is wanted of it; empty where nothing is."""
    wanted = WANTED.get(key)
    if not wanted:
        return ""
    missed = ["%s %s" % (name, limit) for name, limit in wanted.items() if facts[name] > limit]
    return "missed: " + ", ".join(missed) if missed else "reached"
