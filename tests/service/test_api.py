#!/usr/bin/env python3
"""The API against its own description: schemathesis asks everything that openapi.json allows, and much that it does not."""
import json
import shutil
import subprocess
import sys
import tempfile
import pathlib
import unittest
import urllib.error
import urllib.request

from probe import ROOT, TOKEN, probe

SCHEMATHESIS = shutil.which("schemathesis") or str(pathlib.Path(sys.executable).with_name("schemathesis"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,ignored_auth"


class Api(unittest.TestCase):
    def test_the_served_description_is_the_one_that_is_checked_in(self):
        with probe() as running, urllib.request.urlopen(running.url + "/api/v1/openapi.json", timeout=10) as answer:
            self.assertEqual(json.loads((ROOT / "docs" / "reference" / "openapi.json").read_text()), json.load(answer))

    def test_every_answer_is_as_described(self):
        with probe(pipelines=2, tables=30) as running, tempfile.TemporaryDirectory() as directory:
            checked = subprocess.run(
                [SCHEMATHESIS, "run", running.url + "/api/v1/openapi.json", "--header", f"Authorization: Bearer {TOKEN}", "--checks", CHECKS,
                 "--max-examples", "60", "--seed", "1"],
                cwd=directory, text=True, capture_output=True, check=False, timeout=600)
            self.assertEqual(0, checked.returncode, checked.stdout[-6000:] + checked.stderr[-2000:])
            with urllib.request.urlopen(running.url + "/health", timeout=10) as answer:
                self.assertEqual(200, answer.status)

    def test_nothing_changes_without_the_token(self):
        with probe() as running:
            for action in ("pause", "resume", "resync"):
                request = urllib.request.Request(f"{running.url}/api/v1/pipelines/p0/{action}", data=b"{}", headers={"Content-Type": "application/json"})
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request, timeout=10)
                self.assertEqual(401, refused.exception.code)


if __name__ == "__main__":
    unittest.main()
