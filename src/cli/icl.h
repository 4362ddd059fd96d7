// weft icl: the linear-attention optimisation lab. One function a sub-verb; icl.cc declares the
// flags of all of them and refuses those that a sub-verb does not take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "lab/icl/setting.h"

namespace weft::cli {

/// What the command line gave.
struct IclArguments {
  std::string what;                 ///< the sub-verb
  std::string run;                  ///< measure: the folder of a run
  std::string setting = "default";  ///< a named setting or a TOML file
  std::vector<std::string> set;     ///< "key=value"
  std::string out;                  ///< train: the folder to write
  std::string rates;                ///< train: "0.01,0.1" or "auto", a grid; empty: the setting's
  int64_t seeds = 1;                ///< train: the setting's seed and those after it
};

/// The setting that --setting and --set spell. Throws Error(config or usage).
icl::Setting setting_of(const IclArguments& arguments);

/// `weft icl minimum`: the minimum of the one-layer population loss, found numerically, beside the
/// closed form. Returns the exit code, as the others do.
int icl_minimum(const IclArguments& arguments, const Invocation& invocation);
/// `weft icl oracles`: values, predictions and differences; 1 where one is beyond its limit.
int icl_oracles(const IclArguments& arguments, const Invocation& invocation);
/// `weft icl train`: a run, or a grid of rates by seeds, into a folder; prints the result.
int icl_train(const IclArguments& arguments, const Invocation& invocation);
/// `weft icl measure`: the microscope on a run; writes measure.json and measure.html into it.
int icl_measure(const IclArguments& arguments, const Invocation& invocation);

}  // namespace weft::cli
