"""Everything one emulator is made of, wired together once."""
from __future__ import annotations

from luge_emulator.catalog import TableCache
from luge_emulator.faults import Faults
from luge_emulator.oauth_clients import OauthClients
from luge_emulator.request_log import RequestLog
from luge_emulator.settings import Settings
from luge_emulator.sql.engine import Engine
from luge_emulator.storage import Storage
from luge_emulator.streaming.channels import Channels
from luge_emulator.streaming.committer import Committer
from luge_emulator.streaming.file_mode import Stage
from luge_emulator.streaming.pipes import Pipes
from luge_emulator.tokens import Tokens
from luge_emulator.users import Users


class Emulator:
    """The parts; the HTTP side is given this."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.storage = Storage(settings.directory, settings.memory_limit, settings.threads)
        self.users = Users(settings.users_file)
        self.tokens = Tokens(self.users, settings.account, settings.token_lifetime_seconds, settings.accept_any, settings.directory / "token-secret")
        self.oauth_clients = OauthClients(self.users, self.tokens, settings.rotate_refresh_tokens)
        self.tables = TableCache(self.storage)
        self.pipes = Pipes(self.storage, self.tables, settings.stale_pipe_cache_ms)
        self.channels = Channels(self.storage, settings)
        self.committer = Committer(self.storage, self.channels, self.pipes, self.tables, settings)
        self.stage = Stage(settings.directory / "pipe-key")
        self.faults = Faults()
        self.log = RequestLog(settings.log_requests, settings.log_file)
        self.engine = Engine(self.storage, self.users, self.pipes, self.channels, settings)
        for name in settings.databases:
            database, _, schema = name.upper().partition(".")
            self.engine.prepare(database, schema or "PUBLIC")

    def start(self) -> None:
        self.committer.start()

    def close(self) -> None:
        self.committer.stop()
        self.storage.close()
