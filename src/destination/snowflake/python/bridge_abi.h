#pragma once
#include <cstddef>
#include <cstdint>

#include "model/arrow_abi.h"

namespace luge {

// What crosses between luge and libluge_python.so: plain structs and functions, nothing that owns memory of the other side. The bridge
// is linked with none of luge's libraries, so there is one copy of every type that is not declared here.
// Decision: docs/decisions/0010-python-bridge.md.

/// Changed with every change of this file: a bridge of another build is refused.
inline constexpr std::uint32_t kPythonBridgeAbi = 2;

/// Bytes, not ended by a zero. data == nullptr: none.
struct PythonText {
  const char* data;
  std::size_t size;
};

enum class PythonFailureKind : std::int32_t {
  none,
  sdk,        ///< StreamingIngestError: `code` is its error_code, `detail` the server's own code if it was told
  timeout,    ///< TimeoutError
  network,    ///< the endpoint cannot be reached: `code` is unresolved, unreachable or tls
  not_open,   ///< the channel was never opened here, or its client was closed
  stale,      ///< only older knowledge of a channel was to be had
  exception,  ///< any other: `code` is the exception's type, `detail` file:line and function
  refused,    ///< `detail`: why a transform's result was not taken, in luge's own words
};

/// Why a call failed. Never a message of the SDK or of an exception: those may quote values and secrets.
struct PythonFailure {
  PythonFailureKind kind;
  std::int32_t http_status;
  char code[64];
  char detail[256];
};

/// Valid during the call that hands it over.
struct PythonChannelStatus {
  PythonText channel;
  PythonText code;
  PythonText committed_token;
  PythonText last_error_token;
  PythonText last_error_message;
  std::uint64_t rows_inserted;
  std::uint64_t rows_error_count;
};
using PythonStatusVisitor = void (*)(void* context, const PythonChannelStatus* status);

struct PythonChannelName {
  PythonText schema;
  PythonText table;
  PythonText channel;
};

/// Lines, each with its "\n", one after the other.
struct PythonLines {
  const char* text;
  const std::size_t* ends;  ///< of each line, counted from `text`
  std::size_t count;
  PythonText first_token;
  PythonText last_token;
};

/// How rows reach the SDK.
enum class PythonRows : std::int32_t {
  by_version,   ///< as lines, through its private call, where that is known; else one by one
  one_by_one,   ///< an object each, through its public call
};

struct PythonSession;
struct PythonTransformFunction;

/// Functions that return bool fill in `failure` and return false when they fail. Any thread may call; each takes the GIL for itself.
/// A session belongs to one thread at a time.
struct PythonApi {
  std::uint32_t abi;
  /// Of the libpython that was loaded: "3.11.2". Needs no interpreter.
  void (*version)(char* out, std::size_t size);
  /// Starts the process's interpreter with this executable's environment. Once; it is never finalised.
  bool (*start)(const char* executable, PythonFailure* failure);

  /// `properties`: 2 * count texts, key and value in turn. Connects to nothing yet.
  PythonSession* (*open_session)(PythonText client_name, PythonText database, const PythonText* properties, std::size_t count, PythonRows rows,
                                 PythonFailure* failure);
  void (*close_session)(PythonSession* session);
  bool (*open_channel)(PythonSession* session, const PythonChannelName* name, std::int64_t settle_seconds, PythonStatusVisitor visit, void* context,
                       PythonFailure* failure);
  /// All lines are taken, or none: then `again_in_us` says when asking again makes sense.
  bool (*append)(PythonSession* session, const PythonChannelName* name, const PythonLines* lines, std::int64_t* again_in_us, PythonFailure* failure);
  bool (*statuses)(PythonSession* session, PythonText schema, PythonText table, const PythonText* channels, std::size_t count,
                   PythonStatusVisitor visit, void* context, PythonFailure* failure);
  bool (*drop_channel)(PythonSession* session, const PythonChannelName* name, PythonFailure* failure);
  bool (*flush)(PythonSession* session, std::int64_t timeout_seconds, PythonFailure* failure);

  /// "module:function", found in the working directory, PYTHONPATH and the environment.
  PythonTransformFunction* (*load_transform)(PythonText name, PythonFailure* failure);
  void (*unload_transform)(PythonTransformFunction* function);
  /// Takes over schema and array in every case; the result's are the caller's to release.
  bool (*run_transform)(PythonTransformFunction* function, ArrowSchema* schema, ArrowArray* array, ArrowSchema* out_schema, ArrowArray* out_array,
                        PythonFailure* failure);
};

/// The one symbol of libluge_python.so: `extern "C" const PythonApi* luge_python_api()`.
inline constexpr char kPythonApiSymbol[] = "luge_python_api";
using PythonApiFunction = const PythonApi* (*)();

}  // namespace luge
