"""What all sessions share."""
from __future__ import annotations

import sqlglot
from sqlglot import TokenType

from luge_emulator.catalog import Table, TableCache
from luge_emulator.naming import quote, quote_path
from luge_emulator.settings import Settings
from luge_emulator.sql import json_nodes
from luge_emulator.sql.functions import MACROS
from luge_emulator.sql.history import History
from luge_emulator.sql.session import Session
from luge_emulator.storage import Storage, schemas
from luge_emulator.streaming.channels import Channels
from luge_emulator.streaming.pipes import Pipes
from luge_emulator.tokens import Caller
from luge_emulator.users import Users


class Engine:
    """Makes sessions; knows which channels and pipes go when a table goes."""

    def __init__(self, storage: Storage, users: Users, pipes: Pipes, channels: Channels, settings: Settings) -> None:
        self.storage, self.users, self.pipes, self.channels, self.settings = storage, users, pipes, channels, settings
        self.history = History()
        self.roles: set[str] = {"PUBLIC", "ACCOUNTADMIN", "SYSADMIN"}
        self.warehouses: set[str] = set()
        self._tables = TableCache(storage)
        json_nodes.register(storage.cursor())
        storage.cursor().execute(MACROS)

    def session(self, caller: Caller, database: str | None = None, schema: str | None = None, warehouse: str | None = None) -> Session:
        return Session(self, caller, database, schema, warehouse)

    def prepare(self, database: str, schema: str) -> None:
        """Creates a database and a schema if they are not there."""
        self.storage.create_database(database, if_missing=True)
        if schema not in schemas(self.storage.cursor(), database):
            self.storage.cursor().execute(f"CREATE SCHEMA {quote_path(database, schema)}")

    def find(self, database: str, schema: str, name: str) -> Table | None:
        """A table or view as it is committed."""
        return self._tables.find_any(database, schema, name)

    def table_gone(self, table: Table) -> None:
        """Its channels are no more, nor is its default pipe for a while."""
        self.channels.drop_where(lambda channel: channel.key[0] == table.database and channel.table_id == table.id)
        self.pipes.dropped(table.database, table.schema, f"{table.name}-STREAMING")

    def pipe_gone(self, database: str, schema: str, name: str) -> None:
        self.channels.drop_where(lambda channel: channel.key[:3] == (database, schema, name))
        self.pipes.dropped(database, schema, name)

    @staticmethod
    def split(text: str) -> list[str]:
        """The statements of a text."""
        parts, start = [], 0
        for token in sqlglot.tokenize(text, read="snowflake"):
            if token.token_type == TokenType.SEMICOLON:
                parts.append(text[start:token.start])
                start = token.end + 1
        parts.append(text[start:])
        return [part.strip() for part in parts if part.strip()]

    @staticmethod
    def identifier(name: str) -> str:
        return quote(name)
