"""`luge run --http`: metrics, API and console of a pipeline that runs."""
import json
import re
import stat
import time
import urllib.error
import urllib.request

from case import CaseFailed, python_case
from source_cases import DATA


def served_at(case, seconds=20):
    """The address that the running luge says it listens at."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and case.luge.alive():
        found = re.search(r"http_listens.*?(http://127\.0\.0\.1:\d+)", case.luge.log_file().read_text(errors="replace"))
        if found:
            return found.group(1)
        time.sleep(0.05)
    raise CaseFailed(f"luge does not say where it listens:\n{case.luge.log_tail()}")


def ask(url, method="GET", body=None, token=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def expect(found, wanted, what):
    if found != wanted:
        raise CaseFailed(f"{what}: {found!r} instead of {wanted!r}")


@python_case
def metrics_api_and_console(case):
    token_file = case.directory / "http.token"
    case.luge.options += ["--http", "127.0.0.1:0", "--http-token-file", str(token_file)]
    case.sql(DATA)
    case.sync()
    if not case.luge.alive():
        case.start()
    case.luge.wait_until_listening()
    url = served_at(case)
    case.luge.wait_until(lambda status: status["state"] == "live", "luge to be live")
    case.sql("INSERT INTO t VALUES (900001, 'over http')")
    case.luge.wait_until(lambda status: any(table["rows"] > 0 for table in status["tables"]) and status["lag"]["seconds"] == 0,
                         "the row to be durable")

    code, page = ask(url + "/metrics")
    expect(code, 200, "/metrics")
    for line in (rf'pipeline_active{{pipeline="{case.pipeline}"}} 1', rf'luge_table_state{{pipeline="{case.pipeline}",schema="public",table="t",state="live"}} 1'):
        if not re.search("^" + re.escape(line) + "$", page, re.MULTILINE):
            raise CaseFailed(f"/metrics lacks {line}:\n{page[:3000]}")
    observed = re.search(r"^luge_commit_to_durable_seconds_count\{[^}]*\} (\d+)", page, re.MULTILINE)
    if not observed or int(observed.group(1)) < 1:
        raise CaseFailed(f"no commit was seen to become durable:\n{page[:3000]}")
    if "over http" in page:
        raise CaseFailed("a row's value is in /metrics")

    expect(json.loads(ask(url + "/api/v1/pipelines")[1])["total"], 1, "pipelines")
    tables = json.loads(ask(f"{url}/api/v1/pipelines/{case.pipeline}/tables?search=public.t")[1])
    expect([table["name"] for table in tables["tables"]], ["t"], "tables")
    if f"/pipelines/{case.pipeline}" not in ask(url + "/")[1]:
        raise CaseFailed("the console does not show the pipeline")

    expect(stat.S_IMODE(token_file.stat().st_mode), 0o600, "mode of the token file")
    pause = f"{url}/api/v1/pipelines/{case.pipeline}/pause"
    expect(ask(pause, "POST", b"{}")[0], 401, "pause without the token")
    expect(ask(pause, "POST", b"{}", token_file.read_text().strip())[0], 200, "pause")
    expect(case.luge.status()["paused"], True, "paused")
    expect(ask(pause.replace("pause", "resume"), "POST", b"{}", token_file.read_text().strip())[0], 200, "resume")
    case.luge.wait_until(lambda status: status["state"] == "live", "luge to go on")


@python_case
def an_address_that_is_none(case):
    for place in ("9000", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":9000"):
        case.luge.options = ["--http", place]
        case.run(2, ["--http"])
    case.final_comparison = False
