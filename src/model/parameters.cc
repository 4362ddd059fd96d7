#include "model/parameters.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "ops/linear/projection.h"

namespace weft {
namespace {

template <class T>
bool all_finite(std::span<const T> values) {
  return std::all_of(values.begin(), values.end(), [](T x) {
    if constexpr (std::is_same_v<T, bf16>) {
      return std::isfinite(static_cast<float>(x));
    } else {
      return std::isfinite(x);
    }
  });
}

}  // namespace

bool Parameters::is_matrix(const ParameterSpec& spec) {
  return spec.shape.rank() == 2 &&
         (spec.group == ParameterGroup::attention || spec.group == ParameterGroup::ffn ||
          spec.group == ParameterGroup::head || spec.group == ParameterGroup::embedding) &&
         spec.name.ends_with(".weight");
}

Parameters::Parameters(std::vector<ParameterSpec> specs, DType master, WeightCopies copies)
    : specs_(std::move(specs)), dtype_(master), copies_(copies) {
  const bool full = copies != WeightCopies::bf16, half = copies != WeightCopies::master;
  master_ = allocate(master, [&](const ParameterSpec& s) { return full || !is_matrix(s); });
  bf16_ = allocate(DType::bf16, [&](const ParameterSpec& s) { return half && is_matrix(s); });
}

std::vector<Tensor> Parameters::allocate(
    DType type, const std::function<bool(const ParameterSpec&)>& exists) const {
  std::vector<Tensor> tensors;
  std::vector<TensorDesc> together;
  const auto joins = [&](const ParameterSpec& s) {
    return exists(s) && is_matrix(s) && s.group != ParameterGroup::embedding;
  };
  for (const ParameterSpec& s : specs_) {
    if (joins(s)) together.push_back({type, s.shape});
  }
  std::vector<Tensor> matrices = Tensor::side_by_side(together);
  size_t next = 0;
  for (const ParameterSpec& s : specs_) {
    if (joins(s)) {
      tensors.push_back(std::move(matrices[next++]));
    } else {
      tensors.push_back(exists(s) ? Tensor(type, s.shape) : Tensor(type, {0}));
    }
  }
  return tensors;
}

void Parameters::initialise(uint64_t seed) {
  for (int p = 0; p < count(); ++p) {
    const ParameterSpec& s = spec(p);
    const Random random(seed, s.name);
    Tensor values(dtype_, s.shape);
    for (int64_t i = 0; i < values.numel(); ++i) {
      double x = 0;
      switch (s.init) {
        case Init::normal:
          x = kInitStd * random.normal(static_cast<uint64_t>(s.full_element(i)));
          break;
        case Init::ones:
          x = 1;
          break;
        case Init::zeros:
          break;
        case Init::values:
          x = s.values[static_cast<size_t>(i)];
          break;
      }
      set(values.view(), i, x);
    }
    assign(p, values.view());
  }
}

void Parameters::assign(int index, const TensorView& values) {
  if (values.desc.shape != spec(index).shape) {
    fail(ErrorCode::input, {spec(index).name, "shape " + spec(index).shape.str(),
                            values.desc.shape.str(), "is this a checkpoint of another model?"});
  }
  for (Tensor* t : {&master_[static_cast<size_t>(index)], &bf16_[static_cast<size_t>(index)]}) {
    if (t->numel() > 0) copy_values(values, t->view());
  }
}

void Parameters::refresh(int index, int64_t first, int64_t last) noexcept {
  if (!has_bf16(index) || !has_master(index) || dtype_ != DType::f32) return;
  const float* from = master(index).as<float>();
  bf16* to = bf16_copy(index).as<bf16>();
  for (int64_t i = first; i < last; ++i) to[i] = bf16(from[i]);
}

void Parameters::quantise(bool tied_head) {
  if (is_quantised()) {
    fail(ErrorCode::usage, {"quantise", "weights that are not int8 yet", "int8 weights", ""});
  }
  if (const int bad = first_non_finite(); bad >= 0) {
    fail(ErrorCode::input, {spec(bad).name, "finite weights", "a NaN or an infinity", ""});
  }
  const auto is_table = [](const ParameterSpec& s) { return s.group == ParameterGroup::embedding; };
  std::vector<Tensor> integers = allocate(DType::u8, [&](const ParameterSpec& s) {
    return is_matrix(s) && (!is_table(s) || tied_head);
  });
  for (int p = 0; p < count(); ++p) {
    const bool table = is_table(spec(p));
    Int8Matrix matrix{std::move(integers[static_cast<size_t>(p)]), Tensor(DType::f32, {0})};
    if (matrix.integers.numel() > 0) {
      matrix.scales = Tensor(DType::f32, {spec(p).shape[0]});
      quantise_rows(value(p), static_cast<int8_t*>(matrix.integers.data()),
                    matrix.scales.as<float>());
      if (!table) {
        master_[static_cast<size_t>(p)] = Tensor(dtype_, {0});
        bf16_[static_cast<size_t>(p)] = Tensor(DType::bf16, {0});
      }
    }
    int8_.push_back(std::move(matrix));
  }
}

int Parameters::find(std::string_view name) const {
  for (int p = 0; p < count(); ++p) {
    if (spec(p).name == name) return p;
  }
  return -1;
}

int Parameters::first_non_finite() const {
  for (int p = 0; p < count(); ++p) {
    const TensorView v = value(p);
    const bool finite = v.desc.dtype == DType::f64   ? all_finite<double>(v.span<double>())
                        : v.desc.dtype == DType::f32 ? all_finite<float>(v.span<float>())
                                                     : all_finite<bf16>(v.span<bf16>());
    if (!finite) return p;
  }
  return -1;
}

int64_t Parameters::elements() const {
  int64_t n = 0;
  for (const ParameterSpec& s : specs_) n += s.shape.numel();
  return n;
}

size_t Parameters::bytes() const {
  size_t n = 0;
  for (const auto* list : {&master_, &bf16_}) {
    for (const Tensor& t : *list) n += t.desc().bytes();
  }
  for (const Int8Matrix& m : int8_) n += m.integers.desc().bytes() + m.scales.desc().bytes();
  return n;
}

}  // namespace weft
