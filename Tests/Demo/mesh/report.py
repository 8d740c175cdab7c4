# SPDX-License-Identifier: Apache-2.0
"""What was expected and what was seen, a line each."""
import sys
from collections import Counter


class Report:
    """Prints as it goes, counts, and says at the end."""

    def __init__(self, out=sys.stdout):
        self.out, self.passed, self.failed, self.skipped = out, 0, [], 0
        self.scenario = ""

    def line(self, text):
        """One line, at once."""
        print(text, file=self.out, flush=True)

    def begin(self, name, title):
        """A scenario starts."""
        self.scenario = name
        self.line("\n== %s: %s" % (name, title))

    def check(self, what, expected, seen, good):
        """One expectation."""
        self.line("   %s  %s\n         expected %s\n         seen     %s" % (
            "PASS" if good else "FAIL", what, expected, seen))
        if good:
            self.passed += 1
        else:
            self.failed.append("%s: %s" % (self.scenario, what))
        return good

    def equal(self, what, expected, seen):
        """Expected and seen must be the same."""
        return self.check(what, show(expected), show(seen), expected == seen)

    def share(self, what, counts, shares, total):
        """Counts must be what a fair die gives: within five standard deviations of each share."""
        bounds, good = [], True
        for key, share in shares.items():
            spread = 5 * (total * share * (1 - share)) ** 0.5
            low, high = total * share - spread, total * share + spread
            bounds.append("%s %d..%d" % (key, round(low), round(high)))
            good = good and low <= counts.get(key, 0) <= high
        good = good and sum(counts.get(key, 0) for key in shares) == total
        return self.check(what, ", ".join(bounds), show(counts), good)

    def skip(self, name, title, reason):
        """A scenario that cannot be played here."""
        self.skipped += 1
        self.line("\n== %s: %s\n   SKIP  %s" % (name, title, reason))

    def end(self):
        """The last lines; True when nothing failed."""
        self.line("\n%d passed, %d failed, %d skipped" % (
            self.passed, len(self.failed), self.skipped))
        for text in self.failed:
            self.line("   FAIL  " + text)
        return not self.failed


def show(value):
    """A short text of a value."""
    if isinstance(value, Counter) or isinstance(value, dict):
        return ", ".join("%s=%s" % pair for pair in sorted(value.items(), key=str)) or "nothing"
    return str(value)
