// The microscope on one run: what to look at, and the page that shows it.
#pragma once

#include "lab/icl/record.h"
#include "lab/icl/reproduce_findings.h"

namespace weft::icl {

/// Condition numbers and matrices at about twenty steps, noise at the first, the middle and the
/// last step, every step's smoothness up to 2000.
MeasurePlan plan_for(const Setting& setting);

/// Figures, tables and page of a run that was measured with plan_for().
Findings describe(const MeasuredRun& run);

}  // namespace weft::icl
