// The live line of an evaluation.
#pragma once

#include <functional>

#include "cli/console.h"

namespace weft::cli {

/// What takes the share that is done and draws it, at most ten times a second; nothing where
/// the console does not draw. The console must outlive it.
std::function<void(double)> eval_progress(const Console& console);
/// Erases the line.
void end_eval_progress(const Console& console);

}  // namespace weft::cli
