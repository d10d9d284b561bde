#pragma once
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/ensure.h"
#include "base/error.h"

namespace luge {

/// A value or an Error; the API of std::expected, which gcc 12 does not have in C++20.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  template <class U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Result> && !std::is_same_v<std::remove_cvref_t<U>, Error>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}      // NOLINT: implicit by design

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    ENSURE(!has_value(), "error() of a Result that holds a value");
    return std::get<1>(state_);
  }
  Error&& error() && {
    ENSURE(!has_value(), "error() of a Result that holds a value");
    return std::get<1>(std::move(state_));
  }

 private:
  T& checked() {
    ENSURE(has_value(), "value() of a Result that holds an error");
    return std::get<0>(state_);
  }
  std::variant<T, Error> state_;
};

/// Success or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& {
    ENSURE(error_.has_value(), "error() of a good Status");
    return *error_;
  }
  Error&& error() && {
    ENSURE(error_.has_value(), "error() of a good Status");
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

inline Status ok() { return {}; }

}  // namespace luge

#define LUGE_CONCAT_INNER(a, b) a##b
#define LUGE_CONCAT(a, b) LUGE_CONCAT_INNER(a, b)

/// Returns the error of `expression` (a Status or Result) from the enclosing function, if there is one.
#define CHECK_OK(expression)                                                           \
  do {                                                                                 \
    auto&& luge_status = (expression);                                                 \
    if (!luge_status) return std::forward<decltype(luge_status)>(luge_status).error(); \
  } while (false)

/// `TRY(auto rows, connection.query(sql));` declares rows or returns the error.
#define TRY(declaration, expression) TRY_NAMED(LUGE_CONCAT(luge_result_, __LINE__), declaration, expression)
#define TRY_NAMED(name, declaration, expression) \
  auto name = (expression);                      \
  if (!name) return std::move(name).error();     \
  declaration = std::move(*name)
