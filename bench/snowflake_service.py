"""The sink of snowflake_sink/ as a process, and the luge.yaml that leads to it."""
import json
import pathlib
import subprocess
import urllib.request

from support import child_process, environment

SECTION = """snowflake:
  url: {url}
  {ca}account: LUGE
  user: LUGE
  private_key_file: {directory}/key.p8
  database: LUGE
  warehouse: LUGE
  current_state: none
  transport: {transport}
  {python}actors: {actors}
  shards_per_table: {shards}
"""


def make_certificates(directory):
    """An authority, a certificate of it for localhost, and luge's key pair. Returns (authority, certificate, key)."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=directory)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=luge bench CA",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (directory / "extensions").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "30",
            "-extfile", "extensions")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.p8")
    (directory / "key.p8").chmod(0o600)
    return directory / "ca.pem", directory / "server.pem", directory / "server.key"


class SnowflakeService:
    def __init__(self, program, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.authority, certificate, key = make_certificates(self.directory)
        self.process = child_process.spawn([program, certificate, key], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.ports = json.loads(self.process.stdout.readline())

    def config(self, transport, actors, shards):
        """A luge.yaml for this transport."""
        secure = transport == "sdk"
        url = f"https://localhost:{self.ports['https_port']}" if secure else f"http://127.0.0.1:{self.ports['http_port']}"
        path = self.directory / f"{transport}.yaml"
        path.write_text(SECTION.format(url=url, ca=f"ca_file: {self.authority}\n  " if secure else "", directory=self.directory, transport=transport,
                                       python=f"python: {environment.dependencies() / 'sdk-venv' / 'bin' / 'python'}\n  " if secure else "",
                                       actors=actors, shards=shards))
        return path

    def call(self, name, method="POST"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['http_port']}/{name}", method=method, data=b"" if method == "POST" else None)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def counters(self):
        """What came in since the last time."""
        return json.loads(self.call("counters", "GET"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def stop(self):
        child_process.end(self.process)
