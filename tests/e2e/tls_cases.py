"""A source that speaks TLS: who is believed, and what is said to whoever is not."""
from case import CaseFailed, python_case
from source_cases import DATA, nothing_was_created
from support import child_process
from support.certificates import Authority

NAME = "db.luge.test"  # no resolver knows it: an address stands beside it


def tls_server(case, *alternatives):
    """A server with a certificate of an authority of its own."""
    authority = Authority(case.directory / "tls", "authority")
    user = child_process.unprivileged_user()
    certificate, key = authority.issue("server", *alternatives, owner=user and user.pw_name)
    case.own_server(ssl="on", ssl_cert_file=certificate, ssl_key_file=key)
    case.sql(DATA)
    return authority


def source(case, **settings):
    settings = {"host": NAME, "hostaddr": "127.0.0.1", "port": case.server.port, "dbname": case.database, "user": "postgres"} | settings
    return " ".join(f"{name}='{value}'" for name, value in settings.items() if value)


def refused(case, patterns, **settings):
    case.luge.source = source(case, **settings)
    case.run(1, patterns)
    nothing_was_created(case)


def expect_encrypted(case):
    rows = case.execute("SELECT count(*), bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name LIKE 'luge/%%'", [])
    if rows != [(rows[0][0], True)]:
        raise CaseFailed(f"luge's connections and whether all are encrypted: {rows}")


@python_case
def the_right_server(case):
    authority = tls_server(case, f"DNS:{NAME}")
    case.luge.source = source(case, sslmode="verify-full", sslrootcert=authority.certificate)
    case.sync()
    expect_encrypted(case)


@python_case
def a_server_of_another_name(case):
    authority = tls_server(case, "DNS:other.luge.test")
    refused(case, ["does not match host name", "host=NAME"], sslmode="verify-full", sslrootcert=authority.certificate)
    refused(case, ["host name must be specified", "host=NAME"], sslmode="verify-full", sslrootcert=authority.certificate, host=None)
    case.luge.source = source(case, sslmode="verify-full", sslrootcert=authority.certificate, host="other.luge.test")
    case.run(0)


@python_case
def a_server_of_another_authority(case):
    authority = tls_server(case, f"DNS:{NAME}")
    stranger = Authority(case.directory / "tls", "stranger")
    refused(case, ["certificate verify failed", "sslrootcert="], sslmode="verify-full", sslrootcert=stranger.certificate)
    refused(case, ["root certificate file", "sslrootcert="], sslmode="verify-full", sslrootcert=case.directory / "absent.crt")
    case.luge.source = source(case, sslmode="verify-full", sslrootcert=authority.certificate)
    case.run(0)


@python_case
def a_server_elsewhere_is_verified_unasked(case):
    """0.0.0.0 leads to this machine, but nothing in its text says so: a stand-in for an address elsewhere."""
    authority = tls_server(case, "IP:0.0.0.0")
    elsewhere = {"host": "0.0.0.0", "hostaddr": None}
    refused(case, ["certificate", "sslrootcert="], **elsewhere)
    case.luge.environment["PGHOSTADDR"] = "0.0.0.0"
    refused(case, ["certificate|host name", "sslrootcert=|host=NAME"], host=None, hostaddr=None)
    refused(case, ["certificate", "sslrootcert="], host="localhost", hostaddr=None)
    del case.luge.environment["PGHOSTADDR"]
    case.luge.source = source(case, sslrootcert=authority.certificate, **elsewhere)
    case.sync()
    expect_encrypted(case)


@python_case
def a_server_without_it(case):
    case.own_server()
    case.sql(DATA)
    refused(case, ["does not support SSL", "sslmode=disable"], host="0.0.0.0", hostaddr=None)
    case.luge.source = source(case, host="0.0.0.0", hostaddr=None, sslmode="disable")
    case.verb(0, ["doctor", "--source", case.luge.source], ["does not verify"])
    case.run(0)
