#include "ops/test_support/run_op.h"

#include <cstring>

#include "ops/test_support/guarded.h"

namespace weft::test {
namespace {

/// All the memory of one execution.
struct Memory {
  std::vector<Guarded> in, out, saved, d_in, d_out;
};

std::vector<void*> pointers(const std::vector<Guarded>& buffers) {
  std::vector<void*> p;
  for (const Guarded& b : buffers) p.push_back(b.data());
  return p;
}

TensorDesc scratch_desc(size_t bytes) {
  return {DType::u8, {static_cast<int64_t>(bytes)}};
}

bool flag(const std::vector<bool>& flags, size_t i, bool otherwise) {
  return flags.empty() ? otherwise : flags[i];
}

class Execution {
 public:
  Execution(Op& op, const PlanContext& context, const RunArgs& run, const RunOptions& options)
      : op_(op), context_(context), run_(run), options_(options) {}

  RunResult operator()(std::span<const Tensor> in, std::span<const Tensor> d_out,
                       std::span<const Tensor> before) {
    std::vector<TensorDesc> descs;
    for (const Tensor& t : in) descs.push_back(t.desc());
    plan_ = op_.plan(descs, context_);
    load(in, m_.in);
    for (const TensorDesc& d : plan_.outputs) m_.out.emplace_back(d, offset());
    for (const TensorDesc& d : plan_.saved) m_.saved.emplace_back(d);
    result_.d_in.resize(in.size());
    forward();
    check_forward(in);
    if (!d_out.empty()) {
      load(d_out, m_.d_out);
      backward(before);
      check_backward(d_out);
    }
    result_.plan = std::move(plan_);
    return std::move(result_);
  }

 private:
  int64_t offset() const { return options_.misaligned ? 1 : 0; }
  bool rowwise(const Guarded& b) const { return has_rows(b.desc(), context_); }
  Tensor present(const Guarded& b) const { return b.copy(rowwise(b) ? run_.rows() : -1); }
  bool wanted(size_t i) const {
    return flag(plan_.differentiable, i, true) && (options_.wanted.empty() || options_.wanted[i]);
  }
  bool added(size_t i) const { return !options_.add.empty() && options_.add[i]; }
  bool replaced(size_t i) const {
    return options_.in_place && plan_.in_place == static_cast<int>(i);
  }
  void fault(const std::string& what, size_t i, const char* liberty) {
    if (result_.fault.empty()) result_.fault = what + " " + std::to_string(i) + ": " + liberty;
  }

  void load(std::span<const Tensor> from, std::vector<Guarded>& to) {
    for (const Tensor& t : from) {
      to.emplace_back(t, offset());
      if (rowwise(to.back())) to.back().poison_from(run_.rows());
    }
  }

  void forward() {
    std::vector<void*> in = pointers(m_.in), out = pointers(m_.out), saved = pointers(m_.saved);
    if (options_.in_place && plan_.in_place >= 0) {
      out[0] = in[static_cast<size_t>(plan_.in_place)];
    }
    const Guarded scratch(scratch_desc(plan_.forward_scratch));
    op_.forward({context_.runtime, run_, in, out, saved, {}, {}, {}, scratch.data()});
    if (!scratch.intact()) fault("forward scratch", 0, "wrote outside");
    if (options_.in_place && plan_.in_place >= 0) {  // the result moves to where copies are taken
      const Guarded& from = m_.in[static_cast<size_t>(plan_.in_place)];
      std::memcpy(m_.out[0].data(), from.data(), from.desc().bytes());
    }
  }

  void check_forward(std::span<const Tensor> in) {
    for (size_t i = 0; i < m_.in.size(); ++i) {
      if (!m_.in[i].intact()) fault("input", i, "wrote outside");
      if (!replaced(i)) expect_kept("input", i, m_.in[i], in[i]);
    }
    check_written("output", m_.out);
    check_written("saved", m_.saved);
    for (const Guarded& b : m_.out) result_.out.push_back(present(b));
  }

  void backward(std::span<const Tensor> before) {
    std::vector<Guarded> unread;
    unread.reserve(m_.in.size() + m_.out.size());  // their addresses are handed out
    const auto hide = [&](const Guarded& b, bool read) {
      return read ? b.data() : unread.emplace_back(b.desc()).data();
    };
    std::vector<void*> in, out, d_in, saved = pointers(m_.saved), d_out = pointers(m_.d_out);
    std::vector<uint8_t> add;
    m_.d_in.reserve(m_.in.size());
    for (size_t i = 0; i < m_.in.size(); ++i) {
      in.push_back(hide(m_.in[i], flag(plan_.backward_reads_input, i, false)));
      m_.d_in.emplace_back(before[i].desc(), offset());
      add.push_back(added(i) ? 1 : 0);
      if (added(i)) m_.d_in[i] = Guarded(before[i], offset());
      if (rowwise(m_.d_in[i])) m_.d_in[i].poison_from(added(i) ? run_.rows() : 0);
      d_in.push_back(!wanted(i) ? nullptr : replaced(i) ? m_.d_out[0].data() : m_.d_in[i].data());
    }
    for (size_t i = 0; i < m_.out.size(); ++i) {
      out.push_back(hide(m_.out[i], flag(plan_.backward_reads_output, i, false)));
    }
    const Guarded scratch(scratch_desc(plan_.backward_scratch));
    op_.backward({context_.runtime, run_, in, out, saved, d_in, d_out, add, scratch.data()});
    if (!scratch.intact()) fault("backward scratch", 0, "wrote outside");
  }

  void check_backward(std::span<const Tensor> d_out) {
    for (size_t i = 0; i < m_.d_in.size(); ++i) {
      if (!wanted(i)) continue;
      const Guarded& b = replaced(i) ? m_.d_out[0] : m_.d_in[i];
      check_written("gradient of input", i, b);
      result_.d_in[i] = present(b);
    }
    for (size_t i = 0; i < m_.d_out.size(); ++i) {
      const bool target = i == 0 && options_.in_place && plan_.in_place >= 0;
      if (!m_.d_out[i].intact()) fault("gradient of output", i, "wrote outside");
      if (!target) expect_kept("gradient of output", i, m_.d_out[i], d_out[i]);
    }
  }

  void check_written(const std::string& what, size_t i, const Guarded& b) {
    if (!b.intact()) fault(what, i, "wrote outside");
    if (rowwise(b) && !b.poisoned_from(run_.rows())) fault(what, i, "wrote beyond its rows");
  }
  void check_written(const std::string& what, const std::vector<Guarded>& buffers) {
    for (size_t i = 0; i < buffers.size(); ++i) check_written(what, i, buffers[i]);
  }
  void expect_kept(const std::string& what, size_t i, const Guarded& now, const Tensor& then) {
    const Tensor t = present(now);
    if (std::memcmp(t.data(), then.data(), t.desc().bytes()) != 0) fault(what, i, "was changed");
  }

  Op& op_;
  const PlanContext& context_;
  const RunArgs& run_;
  const RunOptions& options_;
  OpPlan plan_;
  Memory m_;
  RunResult result_;
};

}  // namespace

bool has_rows(const TensorDesc& desc, const PlanContext& context) {
  return desc.shape.rank() == 2 && desc.shape[0] == context.rows();
}

RunResult run_op(Op& op, const PlanContext& context, const RunArgs& run, std::span<const Tensor> in,
                 std::span<const Tensor> d_out, std::span<const Tensor> before,
                 const RunOptions& options) {
  return Execution(op, context, run, options)(in, d_out, before);
}

}  // namespace weft::test
