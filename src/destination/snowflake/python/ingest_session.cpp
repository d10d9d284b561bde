#include "destination/snowflake/python/ingest_session.h"

#include <mutex>

#include "destination/snowflake/python/gil.h"
#include "destination/snowflake/python/interpreter.h"
#include "destination/snowflake/python/python_failure.h"
#include "destination/snowflake/python/python_object.h"

namespace luge {

struct PythonSession {
  PyRef session;  ///< ingest_session.Session
  PyRef append;   ///< its bound method
  PyRef raw;      ///< msgspec.Raw; empty: the SDK takes lines
};

namespace {

/// A request carries about 4 MiB and one append more; what is larger than this goes alone, so that it never exceeds what Snowflake takes.
constexpr std::size_t kAloneBytes = 512 * 1024;

PyObject* text_of(PythonText text) { return PyUnicode_DecodeUTF8(text.data, static_cast<Py_ssize_t>(text.size), "surrogateescape"); }

PyRef tuple_of(const PythonChannelName& name) {
  return PyRef(Py_BuildValue("(NNN)", text_of(name.schema), text_of(name.table), text_of(name.channel)));
}

PythonText view(PyObject* text) {
  if (text == Py_None) return {nullptr, 0};
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text, &size);
  return {data, static_cast<std::size_t>(size)};
}

/// `facts`: the tuple that ingest_session.facts makes.
bool visit_facts(PyObject* facts, PythonStatusVisitor visit, void* context) {
  PyObject* texts[5] = {};
  unsigned long long inserted = 0;
  unsigned long long errors = 0;
  if (PyArg_ParseTuple(facts, "OOOOOKK", &texts[0], &texts[1], &texts[2], &texts[3], &texts[4], &inserted, &errors) == 0) return false;
  const PythonChannelStatus status{view(texts[0]), view(texts[1]), view(texts[2]), view(texts[3]), view(texts[4]), inserted, errors};
  if (PyErr_Occurred() != nullptr) return false;
  visit(context, &status);
  return true;
}

/// All lines as they are, or one msgspec.Raw each without the line's end: the SDK's encoder makes the same of them.
PyRef rows_of(PyObject* raw, const PythonLines& lines) {
  if (raw == nullptr) return PyRef(PyBytes_FromStringAndSize(lines.text, static_cast<Py_ssize_t>(lines.ends[lines.count - 1])));
  PyRef list(PyList_New(static_cast<Py_ssize_t>(lines.count)));
  if (!list) return {};
  const char* begin = lines.text;
  for (std::size_t i = 0; i < lines.count; ++i) {
    const char* const end = lines.text + lines.ends[i];
    const PyRef bytes(PyBytes_FromStringAndSize(begin, end - begin - 1));
    PyObject* const row = bytes ? PyObject_CallOneArg(raw, bytes.get()) : nullptr;
    if (row == nullptr) return {};
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), row);
    begin = end;
  }
  return list;
}

}  // namespace

PythonSession* open_session(PythonText client_name, PythonText database, const PythonText* properties, std::size_t count, PythonRows rows,
                            PythonFailure* failure) {
  // One at a time, and before the GIL: whoever comes while a module is being executed would find half of it.
  static std::mutex opening;
  const std::lock_guard alone(opening);
  const Gil gil;
  const PyRef module = embedded_module("_luge_ingest_session");
  const PyRef msgspec(module ? PyImport_ImportModule("msgspec") : nullptr);
  const PyRef dict(msgspec ? PyDict_New() : nullptr);
  bool good = static_cast<bool>(dict);
  for (std::size_t i = 0; good && i < count; ++i) {
    const PyRef key(text_of(properties[2 * i])), value(text_of(properties[2 * i + 1]));
    good = key && value && PyDict_SetItem(dict.get(), key.get(), value.get()) == 0;
  }
  auto* opened = new PythonSession;
  if (good) {
    opened->session = PyRef(PyObject_CallMethod(module.get(), "Session", "NNOO", text_of(client_name), text_of(database), dict.get(),
                                                rows == PythonRows::by_version ? Py_True : Py_False));
    if (opened->session) opened->append = PyRef(PyObject_GetAttrString(opened->session.get(), "append"));
    const PyRef takes_lines(opened->append ? PyObject_GetAttrString(opened->session.get(), "takes_lines") : nullptr);
    good = static_cast<bool>(takes_lines);
    if (good && takes_lines.get() != Py_True) {
      opened->raw = PyRef(PyObject_GetAttrString(msgspec.get(), "Raw"));
      good = static_cast<bool>(opened->raw);
    }
  }
  if (good) return opened;
  take_failure(failure);
  delete opened;
  return nullptr;
}

void close_session(PythonSession* session) {
  const Gil gil;
  const PyRef done(PyObject_CallMethod(session->session.get(), "close", nullptr));
  if (!done) PyErr_Clear();
  delete session;
}

bool open_channel(PythonSession* session, const PythonChannelName* name, std::int64_t settle_seconds, PythonStatusVisitor visit, void* context,
                  PythonFailure* failure) {
  const Gil gil;
  const PyRef facts(PyObject_CallMethod(session->session.get(), "open", "NNNL", text_of(name->schema), text_of(name->table), text_of(name->channel),
                                        static_cast<long long>(settle_seconds)));
  return (facts && visit_facts(facts.get(), visit, context)) || take_failure(failure);
}

bool append_lines(PythonSession* session, const PythonChannelName* name, const PythonLines* lines, std::int64_t* again_in_us,
                  PythonFailure* failure) {
  const Gil gil;
  const PyRef key = tuple_of(*name);
  const PyRef rows = key ? rows_of(session->raw.get(), *lines) : PyRef();
  if (!rows) return take_failure(failure);
  const bool alone = lines->ends[lines->count - 1] > kAloneBytes;
  const PyRef pause(PyObject_CallFunction(session->append.get(), "OOnNNO", key.get(), rows.get(), static_cast<Py_ssize_t>(lines->count),
                                          text_of(lines->first_token), text_of(lines->last_token), alone ? Py_True : Py_False));
  if (!pause) return take_failure(failure);
  *again_in_us = PyLong_AsLongLong(pause.get());
  return PyErr_Occurred() == nullptr || take_failure(failure);
}

bool channel_statuses(PythonSession* session, PythonText schema, PythonText table, const PythonText* channels, std::size_t count,
                      PythonStatusVisitor visit, void* context, PythonFailure* failure) {
  const Gil gil;
  const PyRef names(PyList_New(static_cast<Py_ssize_t>(count)));
  if (!names) return take_failure(failure);
  for (std::size_t i = 0; i < count; ++i) {
    PyObject* const name = text_of(channels[i]);
    if (name == nullptr) return take_failure(failure);
    PyList_SET_ITEM(names.get(), static_cast<Py_ssize_t>(i), name);
  }
  const PyRef found(PyObject_CallMethod(session->session.get(), "statuses", "NNO", text_of(schema), text_of(table), names.get()));
  if (!found) return take_failure(failure);
  for (Py_ssize_t i = 0; i < PyList_Size(found.get()); ++i) {
    if (!visit_facts(PyList_GET_ITEM(found.get(), i), visit, context)) return take_failure(failure);
  }
  return true;
}

bool drop_channel(PythonSession* session, const PythonChannelName* name, PythonFailure* failure) {
  const Gil gil;
  const PyRef done(PyObject_CallMethod(session->session.get(), "drop", "NNN", text_of(name->schema), text_of(name->table), text_of(name->channel)));
  return done || take_failure(failure);
}

bool flush_session(PythonSession* session, std::int64_t timeout_seconds, PythonFailure* failure) {
  const Gil gil;
  const PyRef done(PyObject_CallMethod(session->session.get(), "flush", "L", static_cast<long long>(timeout_seconds)));
  return done || take_failure(failure);
}

}  // namespace luge
