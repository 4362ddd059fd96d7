#include "attention/streaming_fixture_test.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attention/positions/alibi.h"

namespace weft::test {
namespace {

constexpr int64_t kSpareRows = 2, kMargin = 3;  ///< columns before and after the heads

template <class T>
constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

/// values [rows, columns] in the midst of NaN [rows + spare, columns + 2 * kMargin].
template <class T>
std::vector<T> padded(const Array& values, int64_t rows, int64_t columns) {
  const int64_t width = columns + 2 * kMargin;
  std::vector<T> out(size_t((rows + kSpareRows) * width), kNan<T>);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      out[size_t(r * width + kMargin + c)] = T(values[size_t(r * columns + c)]);
    }
  }
  return out;
}
template <class T>
Array unpadded(const std::vector<T>& from, int64_t rows, int64_t columns, bool added) {
  const int64_t width = columns + 2 * kMargin;
  Array out;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      out.push_back(double(from[size_t(r * width + kMargin + c)]) - (added ? 1 : 0));
    }
  }
  return out;
}
/// Whether everything around the heads is NaN.
template <class T>
bool margin_is_nan(const std::vector<T>& a, int64_t rows, int64_t columns) {
  const int64_t width = columns + 2 * kMargin;
  for (int64_t e = 0; e < int64_t(a.size()); ++e) {
    const int64_t row = e / width, column = e % width - kMargin;
    if (row < rows && column >= 0 && column < columns) continue;
    if (!std::isnan(a[size_t(e)])) return false;
  }
  return true;
}
template <class T>
std::vector<T> followed_by_nan(const Array& values, int64_t n, int64_t spare) {
  std::vector<T> out(size_t(n + spare), kNan<T>);
  std::copy_n(values.begin(), std::min<size_t>(values.size(), size_t(n)), out.begin());
  return out;
}
template <class T>
bool ends_in_nan(const std::vector<T>& a, int64_t from) {
  return std::all_of(a.begin() + from, a.end(), [](T x) { return std::isnan(x); });
}

}  // namespace

template <class T>
StreamingCase<T>::StreamingCase(const Case& c, const Values& x, bool add)
    : case_(c), add_(add), rows_(c.batch * c.time), spare_rows_(kSpareRows) {
  const Array* sources[] = {&x.q, &x.k, &x.v};
  const int64_t columns[] = {c.heads * c.head_dim, c.kv_heads * c.head_dim,
                             c.kv_heads * c.value_dim};
  for (int i = 0; i < 3; ++i) {
    in_[i] = padded<T>(*sources[i], rows_, columns[i]);
    const Array ones(add ? sources[i]->size() : 0, 1);
    d_in_[i] = add ? padded<T>(ones, rows_, columns[i]) : std::vector<T>(in_[i].size(), kNan<T>);
  }
  in_[3] = std::vector<T>(x.w.begin(), x.w.end());
  d_in_[3] = followed_by_nan<T>(Array(add ? x.w.size() : 0, 1), int64_t(x.w.size()), 1);
  if (!add) std::fill(d_in_[3].begin(), d_in_[3].end(), kNan<T>);
  const int64_t outputs = c.heads * c.value_dim;
  o_.assign(size_t((rows_ + spare_rows_) * outputs), kNan<T>);
  rem_.assign(size_t((rows_ + spare_rows_) * c.heads), kNan<T>);
  statistic_ = rem_;
  d_o_ = followed_by_nan<T>(x.dx, rows_ * outputs, spare_rows_ * outputs);
  d_rem_ = followed_by_nan<T>(x.drem, rows_ * c.heads, spare_rows_ * c.heads);
  visited_.assign(rem_.size(), -1);
  first_key_ = c.first_key;
  address(c);
}

template <class T>
void StreamingCase<T>::address(const Case& c) {
  const auto head = [](int32_t input, int64_t number, int64_t heads, int64_t dim) {
    return HeadSource{input, kMargin + number * dim, heads * dim + 2 * kMargin, 0};
  };
  const bool shared = !c.k_from.empty() || !c.v_from.empty();
  for (int64_t h = 0; h < c.heads; ++h) q_.push_back(head(0, h, c.heads, c.head_dim));
  for (int64_t h = 0; h < c.kv_heads; ++h) {
    k_.push_back(head(1, c.k_from.empty() ? h : c.k_from[size_t(h)], c.kv_heads, c.head_dim));
    v_.push_back(head(2, c.v_from.empty() ? h : c.v_from[size_t(h)], c.kv_heads, c.value_dim));
    owner_heads_.push_back(int32_t(h));
    if (!shared || h == 0) owner_begin_.push_back(int32_t(h));
  }
  owner_begin_.push_back(int32_t(c.kv_heads));
  const AttentionSpec spec = spec_of(c);
  const MechanismRegistry mechanisms;
  problem.heads = c.heads, problem.kv_heads = c.kv_heads;
  problem.head_dim = c.head_dim, problem.value_dim = c.value_dim;
  problem.window = c.window;
  problem.scale_exact = c.scale == 0 ? 1 / std::sqrt(double(c.head_dim)) : c.scale;
  problem.settings = mechanisms.find(c.mechanism).settings(spec.args);
  problem.slopes = c.slopes.empty() ? nullptr : case_.slopes.data();
  problem.q = q_.data(), problem.k = k_.data(), problem.v = v_.data();
  problem.remainder_input = problem.settings.remainder == Remainder::learned ? 3 : -1;
  problem.sets = 1, problem.sink_input = -1;
  problem.parameters_are_f32 = sizeof(T) == sizeof(float);
  problem.owners = int(owner_begin_.size()) - 1;
  problem.owner_begin = owner_begin_.data(), problem.owner_heads = owner_heads_.data();
  problem.max_batch = c.batch, problem.max_time = c.time;
  problem.parts = problem.threads = 1;
  run.batch = c.batch, run.time = c.time;
  each_array([](auto& array, auto& pointer) { pointer = array.data(); });
  if (c.first_key.empty()) run.first_key = nullptr;
  if (!spec.return_remainder) run.rem = nullptr, run.d_rem = nullptr;
  run.in = in_at_, run.d_in = d_in_at_;
  std::fill_n(add_flags_, kInputs, uint8_t(add_));
  run.add = add_flags_;
}

template <class T>
Outcome StreamingCase<T>::outcome() const {
  const Case& c = case_;
  Outcome r;
  r.o.assign(o_.begin(), o_.begin() + rows_ * c.heads * c.value_dim);
  if (run.rem != nullptr) r.rem.assign(rem_.begin(), rem_.begin() + rows_ * c.heads);
  r.dq = unpadded(d_in_[0], rows_, c.heads * c.head_dim, add_);
  r.dk = unpadded(d_in_[1], rows_, c.kv_heads * c.head_dim, add_);
  r.dv = unpadded(d_in_[2], rows_, c.kv_heads * c.value_dim, add_);
  if (problem.remainder_input >= 0) {
    for (int64_t e = 0; e < c.heads * c.value_dim; ++e) {
      r.dw.push_back(double(d_in_[3][size_t(e)]) - (add_ ? 1 : 0));
    }
  }
  r.visited.assign(visited_.begin(), visited_.begin() + rows_ * c.heads);
  return r;
}

template <class T>
bool StreamingCase<T>::padding_is_untouched() const {
  const Case& c = case_;
  return margin_is_nan(d_in_[0], rows_, c.heads * c.head_dim) &&
         margin_is_nan(d_in_[1], rows_, c.kv_heads * c.head_dim) &&
         margin_is_nan(d_in_[2], rows_, c.kv_heads * c.value_dim) &&
         ends_in_nan(d_in_[3], c.heads * c.value_dim) &&
         ends_in_nan(o_, rows_ * c.heads * c.value_dim) && ends_in_nan(rem_, rows_ * c.heads) &&
         ends_in_nan(statistic_, rows_ * c.heads) &&
         std::all_of(visited_.begin() + rows_ * c.heads, visited_.end(),
                     [](int32_t v) { return v == -1; });
}

template class StreamingCase<float>;
template class StreamingCase<double>;

std::vector<Case> streaming_cases() {
  std::vector<Case> cases;
  for (const int64_t time : {1, 2, 63, 64, 65, 129, 200}) {
    cases.push_back({.time = time, .head_dim = 7, .value_dim = 5, .mechanism = "softmax"});
    cases.push_back({.time = time, .head_dim = 7, .value_dim = 5});
  }
  const std::vector<int32_t> documents = [] {
    std::vector<int32_t> first;  // two sequences of three documents and of one
    for (int i = 0; i < 90; ++i) first.push_back(i < 3 ? 0 : i < 70 ? 3 : 70);
    return first.insert(first.end(), 90, 0), first;
  }();
  const auto variants = [&](const Case& base) {
    Case c = base;
    c.batch = 2, c.time = 90, c.head_dim = 6, c.value_dim = 9;
    cases.push_back(c);
    c.heads = 6, c.kv_heads = 2;
    cases.push_back(c);
    c.window = 17;
    cases.push_back(c);
    c.first_key = documents;
    cases.push_back(c);
    c.slopes = alibi_slopes(c.heads);
    cases.push_back(c);
    c.window = 0, c.scale = 0.7;
    cases.push_back(c);
    c.kv_heads = 3, c.k_from = {0, 2, 2}, c.v_from = {1, 1, 0};
    cases.push_back(c);
  };
  variants({.mechanism = "softmax"});
  for (const bool inclusive : {false, true}) {
    for (const char* remainder : {"none", "self-value", "learned"}) {
      Case c;
      c.args = {{"inclusive", inclusive}, {"remainder", std::string(remainder)}};
      variants(c);
    }
  }
  return cases;
}

std::string label(const Case& c) {
  std::string text = c.mechanism;
  const auto add = [&](const char* name, int64_t value) {
    text += std::string(" ") + name + " " + std::to_string(value);
  };
  for (const auto& [name, value] : c.args) {
    const auto* word = std::get_if<std::string>(&value);
    text += " " + name + "=" + (word == nullptr ? std::to_string(std::get<bool>(value)) : *word);
  }
  add("time", c.time), add("heads", c.heads), add("kv_heads", c.kv_heads), add("window", c.window);
  add("documents", !c.first_key.empty()), add("slopes", !c.slopes.empty());
  add("shared", !c.k_from.empty());
  return text;
}

namespace {

/// Columns that nobody reads have no gradient (NaN) in either; they are left out.
double gradient_error(Array got, Array want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]) && std::isnan(got[i])) want[i] = got[i] = 0;
  }
  return error(got, want);
}

}  // namespace

double forward_error(const Outcome& got, const Outcome& want) {
  return std::max(error(got.o, want.o), error(got.rem, want.rem));
}
double backward_error(const Outcome& got, const Outcome& want) {
  return std::max({gradient_error(got.dq, want.dq), gradient_error(got.dk, want.dk),
                   gradient_error(got.dv, want.dv), gradient_error(got.dw, want.dw)});
}

}  // namespace weft::test
