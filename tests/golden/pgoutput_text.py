"""A second reader of pgoutput and COPY BINARY, written apart from luge's: it makes the readable half of the golden files."""
import struct


class Reader:
    def __init__(self, data, position=0):
        self.data = data
        self.position = position

    def take(self, size):
        piece = self.data[self.position:self.position + size]
        if len(piece) != size:
            raise EOFError
        self.position += size
        return piece

    def number(self, code):
        return struct.unpack(">" + code, self.take(struct.calcsize(">" + code)))[0]

    def string(self):
        end = self.data.find(b"\0", self.position)
        if end < 0:
            raise EOFError
        text = self.data[self.position:end]
        self.position = end + 1
        return text

    def lsn(self):
        value = self.number("Q")
        return f"{value >> 32:X}/{value & 0xFFFFFFFF:X}"


def escape(raw):
    """Visible ASCII as it is, everything else as \\xHH; long ones by length and FNV-1a hash."""
    if len(raw) > 64:
        digest = 0xCBF29CE484222325
        for byte in raw:
            digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        return f"[{len(raw)} bytes, {digest:016x}]"
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte != 0x5C else f"\\x{byte:02x}" for byte in raw)


def tuple_text(reader):
    values = []
    for _ in range(reader.number("h")):
        kind = reader.take(1).decode()
        if kind in "tb":
            values.append(f"{kind}:{escape(reader.take(reader.number('i')))}")
        elif kind in "nu":
            values.append(kind)
        else:
            raise ValueError(f"value kind {kind!r}")
    return "( " + "".join(value + " " for value in values) + ")"


class MessageText:
    """One line per message. Remembers whether the stream is inside a streamed block."""

    def __init__(self):
        self.in_stream = False

    def line(self, reader):
        tag = reader.take(1).decode("latin-1")
        xid = f" xid={reader.number('I')}" if self.in_stream and tag in "RYIUDTM" else ""
        return getattr(self, "tag_" + tag)(reader, xid)

    def tag_B(self, r, _):
        return f"Begin final_lsn={r.lsn()} time={r.number('q')} xid={r.number('I')}"

    def tag_C(self, r, _):
        r.number("B")
        return f"Commit commit_lsn={r.lsn()} end_lsn={r.lsn()} time={r.number('q')}"

    def tag_O(self, r, _):
        return f"Origin lsn={r.lsn()} name={escape(r.string())}"

    def tag_R(self, r, xid):
        oid, schema, table, identity = r.number("I"), r.string() or b"pg_catalog", r.string(), r.take(1).decode()
        text = f"Relation{xid} oid={oid} name={escape(schema)}.{escape(table)} identity={identity}"
        for _ in range(r.number("h")):
            key, name, type_oid, typmod = r.number("B") & 1, r.string(), r.number("I"), r.number("i")
            text += f" {escape(name)}:{type_oid}:{typmod}{':key' if key else ''}"
        return text

    def tag_Y(self, r, xid):
        return f"Type{xid} oid={r.number('I')} name={escape(r.string() or b'pg_catalog')}.{escape(r.string())}"

    def tag_I(self, r, xid):
        oid = r.number("I")
        assert r.take(1) == b"N"
        return f"Insert{xid} oid={oid} new={tuple_text(r)}"

    def old(self, kind, r):
        return {b"K": " key=", b"O": " old="}[kind] + tuple_text(r)

    def tag_U(self, r, xid):
        text, kind = f"Update{xid} oid={r.number('I')}", r.take(1)
        if kind != b"N":
            text, kind = text + self.old(kind, r), r.take(1)
        assert kind == b"N"
        return f"{text} new={tuple_text(r)}"

    def tag_D(self, r, xid):
        return f"Delete{xid} oid={r.number('I')}" + self.old(r.take(1), r)

    def tag_T(self, r, xid):
        count, flags = r.number("i"), r.number("B")
        return f"Truncate{xid} oids={','.join(str(r.number('I')) for _ in range(count))} cascade={flags & 1} restart={flags >> 1 & 1}"

    def tag_M(self, r, xid):
        flags, lsn, prefix = r.number("B"), r.lsn(), r.string()
        return f"Message{xid} transactional={flags & 1} lsn={lsn} prefix={escape(prefix)} content={escape(r.take(r.number('i')))}"

    def tag_S(self, r, _):
        self.in_stream = True
        return f"StreamStart xid={r.number('I')} first={r.number('B')}"

    def tag_E(self, r, _):
        self.in_stream = False
        return "StreamStop"

    def tag_c(self, r, _):
        xid, _ = r.number("I"), r.number("B")
        return f"StreamCommit xid={xid} commit_lsn={r.lsn()} end_lsn={r.lsn()} time={r.number('q')}"

    def tag_A(self, r, _):
        return f"StreamAbort xid={r.number('I')} subxid={r.number('I')}"


def message_lines(payloads):
    text = MessageText()
    for payload in payloads:
        reader = Reader(payload)
        line = text.line(reader)
        assert reader.position == len(payload), f"{len(payload) - reader.position} bytes after {line}"
        yield payload, line


def split_recvlogical(data):
    """pg_recvlogical's output: payloads, each with a newline after it. What is incomplete at the end is left out."""
    payloads, text, position = [], MessageText(), 0
    while position < len(data):
        reader = Reader(data, position)
        try:
            text.line(reader)
            assert reader.take(1) == b"\n"
        except EOFError:
            break
        payloads.append(data[position:reader.position - 1])
        position = reader.position
    return payloads


def copy_lines(data, text_columns):
    reader = Reader(data)
    assert reader.take(11) == b"PGCOPY\n\xff\r\n\0" and reader.number("I") == 0
    reader.take(reader.number("i"))
    while (fields := reader.number("h")) != -1:
        values = []
        for column in range(fields):
            length = reader.number("i")
            values.append("n" if length == -1 else ("t:" if column in text_columns else "b:") + escape(reader.take(length)))
        yield "Row ( " + "".join(value + " " for value in values) + ")"
    assert reader.position == len(data)
