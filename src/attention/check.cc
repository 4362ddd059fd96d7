#include <algorithm>
#include <memory>

#include "attention/attention.h"
#include "attention/check_cases.h"
#include "attention/positions/position.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

/// A shape and what may vary besides the mechanism.
struct Layout {
  const char* name;
  int64_t heads, kv_heads, head_dim, value_dim;
  int64_t batch, time;
  int64_t window = 0;
  bool alibi = false;
  bool documents = false;
  bool shared_keys = false;  ///< all heads read the keys of one
  int64_t sets = 1;          ///< of keys and values; not for ordered mechanisms
};

const Layout kLayouts[] = {
    {"one token", 1, 1, 8, 8, 1, 1},
    {"two blocks and a tail", 1, 1, 17, 17, 1, 131},
    {"grouped heads", 6, 2, 20, 33, 2, 37},
    {"window", 2, 1, 8, 8, 1, 130, 70},
    {"alibi", 3, 3, 12, 12, 1, 67, 0, true},
    {"documents", 2, 2, 16, 24, 2, 83, 0, false, true},
    {"shared keys", 4, 4, 8, 8, 1, 40, 0, false, false, true},
    {"two key sets", 4, 2, 12, 20, 2, 75, 50, false, true, false, 2},
    {"three key sets, shared keys", 2, 2, 8, 8, 1, 20, 0, false, false, true, 3},
};

/// First keys of documents of 1, 2, 30, 1 and the remaining tokens.
std::shared_ptr<std::vector<int32_t>> documents(int64_t batch, int64_t time) {
  auto first = std::make_shared<std::vector<int32_t>>();
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < time; ++i) {
      const int64_t at = i - b;  // sequences differ
      first->push_back(static_cast<int32_t>(at < 1 ? 0
                                                   : (at < 3    ? 1
                                                      : at < 33 ? 3
                                                      : at < 34 ? 33
                                                                : 34) +
                                                         b));
    }
  }
  return first;
}

/// q, k and v lie in one tensor each, k and v behind columns that nobody reads; then parameters.
AttentionSpec spec_of(const Layout& l, const MechanismInfo& info, const Args& args,
                      std::vector<Shape>& parameters) {
  constexpr int64_t kUnread = 3;
  AttentionSpec s;
  s.heads = l.heads;
  s.kv_heads = l.kv_heads;
  s.head_dim = l.head_dim;
  s.value_dim = l.value_dim;
  s.window = l.window;
  s.mechanism = info.name;
  s.args = args;
  const MechanismSettings settings = info.settings(args);
  s.return_remainder = settings.leaves_rest;
  if (l.alibi) s.slopes = alibi_slopes(l.heads);
  for (const Shape& shape : parameter_shapes(settings, l.heads, l.head_dim, l.value_dim)) {
    parameters.push_back(shape);
    s.parameters.push_back(2 + static_cast<int>(parameters.size()));
  }
  for (int64_t h = 0; h < l.heads; ++h) s.q.push_back({0, h * l.head_dim});
  for (int64_t h = 0; h < l.sets * l.kv_heads; ++h) {
    s.k.push_back({1, kUnread + (l.shared_keys ? 0 : h * l.head_dim)});
    s.v.push_back({2, kUnread + h * l.value_dim});
  }
  return s;
}

/// Layouts that the mechanism takes.
std::vector<Layout> layouts_for(const MechanismInfo& info) {
  std::vector<Layout> all(std::begin(kLayouts), std::end(kLayouts));
  const bool ordered = info.traits.ordered, recurrent = info.traits.recurrent;
  std::erase_if(all, [&](const Layout& l) {
    return (l.sets > 1 && (ordered || recurrent)) || (recurrent && (l.window > 0 || l.alibi));
  });
  return all;
}

test::CheckCase case_of(const Layout& l, const MechanismInfo& info, const Args& args,
                        const std::string& variant) {
  constexpr int64_t kUnread = 3, kSpareRows = 5;
  std::vector<Shape> parameters;
  const AttentionSpec spec = spec_of(l, info, args, parameters);
  test::CheckCase c;
  c.name = std::string(info.name) + " " + variant + ", " + l.name;
  c.context.batch = l.batch;
  c.context.time = l.time + kSpareRows;
  c.context.training = true;
  c.run.batch = l.batch;
  c.run.time = l.time;
  const auto first = l.documents ? documents(l.batch, l.time) : nullptr;
  if (first) c.run.first_key = first->data();
  c.make = [spec, first] { return make_attention(spec); };
  const int64_t rows = c.context.rows();
  // A recurrent mechanism may divide by sums of products of queries and keys, of any sign: those of
  // mostly positive numbers are not near zero.
  const bool divides = info.traits.recurrent;
  const auto add = [&](int64_t width, bool unread, bool positive) {
    c.inputs.push_back({.shape = Shape{rows, width}, .always_add = unread});
    if (positive) c.inputs.back().scale = 0.5, c.inputs.back().offset = 1;
  };
  add(l.heads * l.head_dim, false, divides);
  add(kUnread + l.sets * l.kv_heads * l.head_dim, true, divides);
  add(kUnread + l.sets * l.kv_heads * l.value_dim, true, false);
  for (const Shape& shape : parameters) {
    c.inputs.push_back({.shape = shape, .role = test::Role::parameter});
  }
  return c;
}

bool bounded(const ArgSpec& arg) {
  return arg.least > -1e300 && arg.most < 1e300;
}

}  // namespace

std::vector<Args> argument_combinations(const MechanismInfo& info) {
  std::vector<std::map<std::string, Arg>> all = {{}};
  for (const ArgSpec& arg : info.args) {
    std::vector<Arg> values;
    if (std::holds_alternative<bool>(arg.fallback)) values = {false, true};
    for (const std::string_view choice : arg.choices) values.emplace_back(std::string(choice));
    if (const auto* number = std::get_if<double>(&arg.fallback); number && bounded(arg)) {
      values = {*number, (arg.least + arg.most) / 2};
    }
    if (values.empty()) continue;
    std::vector<std::map<std::string, Arg>> next;
    for (const auto& given : all) {
      for (const Arg& value : values) {
        next.push_back(given);
        next.back()[std::string(arg.name)] = value;
      }
    }
    all = std::move(next);
  }
  std::vector<Args> distinct;
  for (const auto& given : all) {
    const Args args(info.name, info.args, given);
    const auto same = [&](const Args& other) {
      return info.settings(other) == info.settings(args);
    };
    if (std::none_of(distinct.begin(), distinct.end(), same)) distinct.push_back(args);
  }
  return distinct;
}

std::vector<KernelRow> check_attention(const Runtime& runtime) {
  std::vector<KernelRow> rows;
  const MechanismRegistry registry;
  for (const MechanismInfo* info : registry.all()) {
    if (info->kernels.empty()) continue;
    std::vector<test::CheckCase> cases;
    const auto combinations = argument_combinations(*info);
    const std::vector<Layout> layouts = layouts_for(*info);
    // Every layout meets an argument combination and every combination a layout.
    for (size_t n = 0; n < std::max(layouts.size(), combinations.size()); ++n) {
      const Args& args = combinations[n % combinations.size()];
      std::string variant;
      for (const auto& [name, value] : args.values())
        variant += name + "=" + to_string(value) + " ";
      cases.push_back(case_of(layouts[n % layouts.size()], *info, args, variant));
    }
    const std::string op = "attention " + std::string(info->name);
    for (KernelRow& row : test::check_op(op, tags_of(info->kernels), runtime, cases)) {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace weft
