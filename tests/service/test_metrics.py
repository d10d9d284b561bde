#!/usr/bin/env python3
"""What Prometheus' own programs say of luge's metrics and alerts (Debian's package prometheus: promtool, prometheus)."""
import json
import pathlib
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

from probe import ROOT, probe

RULES = ROOT / "deploy" / "prometheus" / "luge.rules.yml"


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Metrics(unittest.TestCase):
    def test_promtool_has_nothing_to_say_but_of_the_one_name_that_is_given(self):
        with probe(pipelines=3, tables=5) as running:
            page = get(running.url + "/metrics")
        checked = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True, check=False)
        said = [line for line in (checked.stdout + checked.stderr).splitlines() if line.strip()]
        self.assertEqual([], [line for line in said if not line.startswith("pg_source_wal_size_mb ")])
        others = "\n".join(line for line in page.splitlines() if "pg_source_wal_size_mb" not in line) + "\n"
        checked = subprocess.run(["promtool", "check", "metrics"], input=others, text=True, capture_output=True, check=False)
        self.assertEqual((0, ""), (checked.returncode, (checked.stdout + checked.stderr).strip()))

    def test_the_cost_of_a_scrape_grows_with_its_tables_and_no_faster(self):
        """How long it takes is measured by bench/bench_service.py."""
        best = {}
        for tables in (1_000, 10_000):
            with probe(pipelines=1, tables=tables) as running:
                times = []
                for _ in range(8):
                    begin = time.monotonic()
                    self.assertGreater(len(get(running.url + "/metrics")), 100 * tables)
                    times.append(time.monotonic() - begin)
                best[tables] = min(times)
        self.assertLess(best[10_000], 30 * best[1_000], best)

    def test_the_dashboard_asks_only_for_metrics_that_exist(self):
        reference = (ROOT / "docs" / "reference" / "metrics.md").read_text()
        dashboard = json.loads((ROOT / "deploy" / "grafana" / "luge.json").read_text())
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        self.assertGreater(len(expressions), 20)
        for expression in [*expressions, RULES.read_text()]:
            for name in set(word for word in _words(expression) if word.startswith(("luge_", "pg_source_", "etl_", "pipeline_active"))):
                base = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
                self.assertIn(f"`{base}`", reference, expression)


def _words(text):
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


class Rules(unittest.TestCase):
    def test_promtool_accepts_them(self):
        checked = subprocess.run(["promtool", "check", "rules", RULES], text=True, capture_output=True, check=False)
        self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)

    def test_they_say_what_the_cases_expect(self):
        checked = subprocess.run(["promtool", "test", "rules", pathlib.Path(__file__).with_name("rules_test.yml")], text=True, capture_output=True,
                                 check=False)
        self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)

    def test_a_real_prometheus_loads_them_and_fires(self):
        with probe(pipelines=2, tables=3) as running, tempfile.TemporaryDirectory() as directory:
            place = pathlib.Path(directory)
            # The same rules, without the patience: a test has no two minutes.
            rules = "".join(line for line in RULES.read_text().splitlines(keepends=True) if not line.strip().startswith("for:"))
            (place / "luge.rules.yml").write_text(rules)
            (place / "prometheus.yml").write_text(
                "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [luge.rules.yml]\nscrape_configs:\n"
                f"  - job_name: luge\n    static_configs: [{{targets: ['{urllib.parse.urlparse(running.url).netloc}']}}]\n")
            port = free_port()
            server = subprocess.Popen(["prometheus", f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/data",
                                       f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                running.change("fail p1")
                running.change("lag p0 400")
                expected = {"LugePipelineNotRunning", "LugeGap", "LugeNotFresh", "LugeTableQuarantined", "LugeSlotSoonLost"}
                self.assertLessEqual(expected, self.await_firing(port, expected))
            finally:
                server.terminate()
                server.wait(timeout=20)

    def await_firing(self, port, expected):
        deadline = time.monotonic() + 60
        firing = set()
        while time.monotonic() < deadline and not expected <= firing:
            time.sleep(0.5)
            try:
                alerts = json.loads(get(f"http://127.0.0.1:{port}/api/v1/alerts"))["data"]["alerts"]
            except OSError:
                continue
            firing = {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
        return firing


if __name__ == "__main__":
    unittest.main()
