"""Runs pytest and says at last "N passed, N failed". A skipped test counts as failed: a test that does not run proves nothing."""
import sys
from pathlib import Path

import pytest


class Counter:
    passed = failed = 0

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.passed += 1
        elif report.failed or report.skipped:
            self.failed += 1


counter = Counter()
code = pytest.main(["-q", "-x" if "--first" in sys.argv else "-q", "-p", "no:cacheprovider", "--tb=short", "--rootdir", str(Path(__file__).parent),
                    *([argument for argument in sys.argv[1:] if argument != "--first"] or [str(Path(__file__).parent)])], plugins=[counter])
if code and not counter.failed:
    counter.failed += 1
print(f"{counter.passed} passed, {counter.failed} failed")
sys.exit(1 if counter.failed else 0)
