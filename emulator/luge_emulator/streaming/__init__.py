"""The Snowpipe Streaming side: channels, reading of rows, committing."""
