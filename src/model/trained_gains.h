// The learned gains of a trained model's wirings, by what they act on.
#pragma once

#include <string>
#include <vector>

#include "io/safetensors.h"
#include "model/layout.h"

namespace weft {

struct TrainedGain {
  std::string name;  ///< of the parameter: "model.wiring.value-residual.gains"
  Shape shape;
  struct Row {
    std::string to;              ///< the tap whose mix they belong to: "v[1]"
    std::vector<double> values;  ///< side by side in the tensor
  };
  std::vector<Row> rows;  ///< all of the tensor, in its order
};

/// In the order of the layout, as they are stored (of a softmax group: logits and factor). Throws
/// Error(input) where one is missing, of another shape or damaged.
std::vector<TrainedGain> trained_gains(const io::SafeTensors& file, const Layout& layout);

/// Lines of at most 80 columns: a tensor, then each row; rows of many values as their range and
/// mean. "" without gains.
std::string gains_text(const std::vector<TrainedGain>& gains);

}  // namespace weft
