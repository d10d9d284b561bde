"""A Snowflake emulator: Snowpipe Streaming v2, the SQL API and the session API over one DuckDB store."""
