#include "model/trained_gains.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "model/formula.h"

namespace weft {
namespace {

// [element] of gain tensor `index`: the tap whose mix reads it. The elements of a gate's weight and
// bias, and the factor of a softmax group, belong to the rows that are read with them.
std::vector<std::string> readers(const Layout& layout, int index) {
  const Shape& shape = layout.gain_tensors[static_cast<size_t>(index)].shape;
  const auto count = static_cast<size_t>(shape.numel());
  const size_t rows = shape.rank() == 0 ? 1 : static_cast<size_t>(shape[0]);
  std::vector<std::string> to(count);
  const auto name_row = [&](size_t row, size_t columns, const std::string& tap) {
    for (size_t i = row * columns; i < std::min(count, (row + 1) * columns); ++i) to[i] = tap;
  };
  for (const ResolvedMix& mix : layout.mixes) {
    for (const Term& term : mix.terms) {
      if (term.gain < 0) continue;
      const GainRef& ref = layout.gains[static_cast<size_t>(term.gain)];
      const std::string tap = spelled(mix.destination);
      const auto element = static_cast<size_t>(ref.element);
      const bool gate = ref.kind == GainKind::gate;
      if (ref.tensor == index) {
        gate ? name_row(element / (count / rows), count / rows, tap) : name_row(element, 1, tap);
      } else if (ref.companion == index) {
        const Shape& main = layout.gain_tensors[static_cast<size_t>(ref.tensor)].shape;
        const auto stride = static_cast<size_t>(main.numel() / main[0]);
        gate ? name_row(element / stride, count / rows, tap) : name_row(0, count, tap);
      }
    }
  }
  return to;
}

std::string row_text(const TrainedGain::Row& row) {
  constexpr size_t kMost = 8;  // values of a line
  std::string line = fmt::format("    {:<9}", row.to);
  const std::vector<double>& v = row.values;
  if (v.size() <= kMost) {
    for (const double x : v) line += fmt::format("{:>8.4f}", x);
    return line + "\n";
  }
  const auto [least, most] = std::minmax_element(v.begin(), v.end());
  const double mean = std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
  return line + fmt::format("{} values from {:.4f} to {:.4f}, mean {:.4f}\n", v.size(), *least,
                            *most, mean);
}

}  // namespace

std::vector<TrainedGain> trained_gains(const io::SafeTensors& file, const Layout& layout) {
  std::vector<TrainedGain> gains;
  for (size_t t = 0; t < layout.gain_tensors.size(); ++t) {
    const GainTensor& spec = layout.gain_tensors[t];
    TrainedGain gain{"model.wiring." + spec.name, spec.shape, {}};
    const Tensor stored = file.load(gain.name);
    if (stored.desc().shape != spec.shape) {
      fail(ErrorCode::input, {file.path().string() + ": \"" + gain.name + "\"", spec.shape.str(),
                              stored.desc().shape.str(), "is this a checkpoint of another model?"});
    }
    const Tensor values = convert(stored.view(), DType::f64);
    const std::vector<std::string> to = readers(layout, static_cast<int>(t));
    for (size_t i = 0; i < to.size(); ++i) {
      if (i == 0 || to[i] != to[i - 1]) gain.rows.push_back({to[i], {}});
      gain.rows.back().values.push_back(values.as<double>()[i]);
    }
    gains.push_back(std::move(gain));
  }
  return gains;
}

std::string gains_text(const std::vector<TrainedGain>& gains) {
  std::string out;
  for (const TrainedGain& gain : gains) {
    out += fmt::format("  {} {}\n", gain.name, gain.shape.str());
    for (const TrainedGain::Row& row : gain.rows) out += row_text(row);
  }
  return out.empty() ? out : "\ntrained gains, as they are stored\n" + out;
}

}  // namespace weft
