#include "model/gains_in_layout.h"

#include "base/error.h"

namespace weft {

bool set_gains(Layout& layout, const io::SafeTensors& weights) {
  bool any = false;
  for (GainTensor& gain : layout.gain_tensors) {
    const std::string name = "model.wiring." + gain.name;
    if (gain.init.empty() || weights.find(name) == nullptr) continue;
    const Tensor values = convert(weights.load(name).view(), DType::f64);
    if (values.numel() != static_cast<int64_t>(gain.init.size())) {
      fail(ErrorCode::input,
           {weights.path().string() + ": " + name, std::to_string(gain.init.size()) + " numbers",
            std::to_string(values.numel()), "is this another model's file?"});
    }
    const double* const first = static_cast<const double*>(values.view().data);
    gain.init.assign(first, first + values.numel());
    any = true;
  }
  return any;
}

}  // namespace weft
