// A verb of the command line: what it accepts and what it does.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/console.h"
#include "cli/flags.h"
#include "cli/page.h"
#include "runtime/runtime.h"

namespace weft::cli {

/// What every verb is given beside its own arguments.
struct Invocation {
  const Console& console;
  Runtime runtime;
  bool json = false;
  std::string command = {};  ///< as it was given: "weft bench gemm --json"
};

class Verb {
 public:
  virtual ~Verb() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;
  /// Two or more command lines worth typing.
  virtual std::vector<Example> examples() const = 0;
  /// True where `--json` gives one JSON document on stdout.
  virtual bool has_json() const { return true; }
  /// Declares arguments and flags; their values arrive before run().
  virtual void declare(Flags& flags) = 0;
  /// Returns the exit code; throws weft::Error.
  virtual int run(const Invocation& invocation) = 0;
};

std::unique_ptr<Verb> make_train();
std::unique_ptr<Verb> make_eval();
std::unique_ptr<Verb> make_generate();
std::unique_ptr<Verb> make_explain();
std::unique_ptr<Verb> make_op();
std::unique_ptr<Verb> make_forward();
std::unique_ptr<Verb> make_check();
std::unique_ptr<Verb> make_designs();
std::unique_ptr<Verb> make_kernels();
std::unique_ptr<Verb> make_icl();
std::unique_ptr<Verb> make_reproduce();
std::unique_ptr<Verb> make_bench();
std::unique_ptr<Verb> make_help();
std::unique_ptr<Verb> make_completion();

/// All of the above, in the order in which the help lists them.
std::vector<std::unique_ptr<Verb>> all_verbs();

}  // namespace weft::cli
