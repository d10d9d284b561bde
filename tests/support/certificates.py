"""Certificate authorities and certificates of a test's own, made with openssl."""
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)


class Authority:
    """`certificate` is the file a client is given to trust."""

    def __init__(self, directory, name):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.certificate, self.key = directory / f"{name}.crt", directory / f"{name}.key"
        openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}", "-days", 2,
                "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, *alternatives, owner=None):
        """(certificate, key) for `DNS:name`s and `IP:address`es. The key is its owner's alone, as servers demand."""
        certificate, key, request, extensions = (self.directory / f"{name}.{ending}" for ending in ("crt", "key", "csr", "ext"))
        extensions.write_text(f"subjectAltName={','.join(alternatives)}\n")
        openssl("req", *KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-out", certificate, "-days", 2,
                "-extfile", extensions)
        key.chmod(0o600)
        if owner:
            subprocess.run(["chown", owner, str(key)], check=True)
        return certificate, key
