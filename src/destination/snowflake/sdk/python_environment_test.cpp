#include "destination/snowflake/sdk/python_environment.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace luge {
namespace {

/// An executable that prints `answer`, whatever it is asked.
class FakePython {
 public:
  explicit FakePython(const std::string& answer) {
    EXPECT_NE(::mkdtemp(directory_), nullptr);
    std::ofstream(path()) << "#!/bin/sh\necho '" << answer << "'\n";
    ::chmod(path().c_str(), 0700);
  }
  ~FakePython() {
    ::unlink(path().c_str());
    ::rmdir(directory_);
  }
  std::string path() const { return std::string(directory_) + "/python"; }

 private:
  char directory_[32] = "/tmp/luge_fake_python_XXXXXX";
};

void expect_advice(const Error& error) {
  EXPECT_NE(error.hint.find("-m venv"), std::string::npos);
  EXPECT_NE(error.hint.find("pip install snowpipe-streaming==1.9.1 pyarrow"), std::string::npos);
  EXPECT_NE(error.hint.find("transport: rest"), std::string::npos);
}

TEST(PythonEnvironment, the_interpreter_tells_of_itself) {
  const FakePython python(R"({"executable": "/venv/bin/python", "version": "3.11.2", "kind": "CPython", "sdk": "1.9.1", "pyarrow": ""})");
  const auto found = find_python(python.path());
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->executable, "/venv/bin/python");
  EXPECT_EQ(found->version, "3.11.2");
  EXPECT_EQ(found->sdk, "1.9.1");
  EXPECT_TRUE(found->pyarrow.empty());
}

TEST(PythonEnvironment, option_then_variable_then_path) {
  const FakePython python(R"({"executable": "/of/variable", "version": "3.11.2", "kind": "CPython", "sdk": "", "pyarrow": ""})");
  const FakePython other(R"({"executable": "/of/option", "version": "3.11.2", "kind": "CPython", "sdk": "", "pyarrow": ""})");
  ::setenv("LUGE_PYTHON", python.path().c_str(), 1);
  EXPECT_EQ(find_python("")->executable, "/of/variable");
  EXPECT_EQ(find_python(other.path())->executable, "/of/option");
  ::unsetenv("LUGE_PYTHON");
  const auto real = find_python("");
  ASSERT_TRUE(real) << real.error().message();
  EXPECT_TRUE(real->version.starts_with("3.")) << real->executable;
}

TEST(PythonEnvironment, no_python_there) {
  const auto missing = find_python("/no/such/python");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "python_missing");
  EXPECT_NE(missing.error().what.find("/no/such/python"), std::string::npos);
  expect_advice(missing.error());
  EXPECT_EQ(find_python("/bin/true").error().code, "python_broken");
  const FakePython pypy(R"({"executable": "/p", "version": "3.11.2", "kind": "PyPy", "sdk": "", "pyarrow": ""})");
  EXPECT_EQ(find_python(pypy.path()).error().code, "python_broken");
}

TEST(PythonEnvironment, what_is_missing_in_it) {
  PythonEnvironment good{"/venv/bin/python", "3.11.2", "1.9.1", "26.0.1"};
  EXPECT_TRUE(check_python(good, "3.11.2", true, true));
  const auto code_of = [](const PythonEnvironment& environment, const std::string& linked, bool needs_sdk, bool needs_pyarrow) {
    const Status status = check_python(environment, linked, needs_sdk, needs_pyarrow);
    if (status) return std::string("good");
    expect_advice(status.error());
    return status.error().code;
  };
  EXPECT_EQ(code_of(good, "3.11.7", true, true), "python_mismatch");
  EXPECT_EQ(code_of(good, "3.13.0", true, true), "python_mismatch");
  EXPECT_NE(check_python(good, "3.13.0", true, true).error().hint.find("python3.13 -m venv"), std::string::npos);
  EXPECT_EQ(code_of({"p", "3.11.2", "", "26.0.1"}, "3.11.2", true, true), "sdk_missing");
  EXPECT_EQ(code_of({"p", "3.11.2", "1.4.0", "26.0.1"}, "3.11.2", true, true), "sdk_too_old");
  EXPECT_EQ(code_of({"p", "3.11.2", "1.10.0", ""}, "3.11.2", true, false), "good");
  EXPECT_EQ(code_of({"p", "3.11.2", "1.9.1", ""}, "3.11.2", true, true), "pyarrow_missing");
  EXPECT_EQ(code_of({"p", "3.11.2", "", "26.0.1"}, "3.11.2", false, true), "good");
}

}  // namespace
}  // namespace luge
