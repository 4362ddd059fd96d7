// Sessions of models with recurrent layers, alone and among layers with a cache.
#include <gtest/gtest.h>

#include "base/error.h"
#include "infer/session.h"
#include "infer/testing.h"

namespace weft {
namespace {

/// Four layers; the recurrent ones of the list.
Model tiny(const std::string& design, const std::vector<size_t>& recurrent, double momentum,
           DType type = DType::f32) {
  ModelConfig config = tiny_config(design, 200);
  const MechanismRegistry mechanisms;
  for (const size_t l : recurrent) {
    config.layer[l].mechanism = "linear";
    config.layer[l].mechanism_args =
        Args("linear", mechanisms.find("linear").args, {{"momentum", momentum}});
  }
  return tiny_model(config, type);
}

std::vector<int32_t> random_tokens(int64_t n) {
  return weft::random_tokens(n, "recurrent_test");
}

struct Case {
  std::string design;
  std::vector<size_t> recurrent;
  double momentum;
  DType type;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.design << " " << c.recurrent.size() << " " << c.momentum << " " << name_of(c.type);
}

class RecurrentSession : public testing::TestWithParam<Case> {
 protected:
  Model model_ =
      tiny(GetParam().design, GetParam().recurrent, GetParam().momentum, GetParam().type);
  double limit_ = GetParam().type == DType::bf16  ? 3e-2
                  : GetParam().type == DType::f64 ? 1e-12
                                                  : 2e-5;
};
INSTANTIATE_TEST_SUITE_P(Models, RecurrentSession,
                         testing::Values(Case{"transformer", {0, 1, 2, 3}, 0, DType::f64},
                                         Case{"transformer", {0, 1, 2, 3}, 0.5, DType::f32},
                                         Case{"transformer", {1, 2}, 0, DType::f32},
                                         Case{"resformer", {1, 3}, 0, DType::f32},
                                         Case{"svformer", {0, 2}, 0.9, DType::f64},
                                         Case{"skipv1", {0, 1, 2, 3}, 0, DType::f32},
                                         Case{"sla", {0, 1, 2, 3}, 0, DType::f64},
                                         Case{"resformer", {0, 1, 2, 3}, 0, DType::bf16}));

TEST_P(RecurrentSession, PortionsDoNotMatter) {
  const std::vector<int32_t> tokens = random_tokens(150);
  Session whole(model_, {.context = 150, .chunk = 150, .runtime = {}});
  whole.feed(tokens);
  for (const int64_t chunk : {1, 5, 64, 100}) {
    Session portions(model_, {.context = 150, .chunk = chunk, .runtime = {}});
    portions.feed(tokens);
    expect_close(logits_of(portions), logits_of(whole), limit_);
  }
}

TEST_P(RecurrentSession, CacheIsWhatThePlanSays) {
  for (const int64_t batch : {1, 3}) {
    const Session session(model_, {.batch = batch, .context = 19, .runtime = {}});
    const CachePlan& cache = model_.layout.cache;
    const size_t element = size_of(compute_dtype(model_));
    EXPECT_EQ(cache.states.size(), GetParam().recurrent.size());
    EXPECT_EQ(session.cache_bytes(), batch * cache.bytes(8, element, 19));
    EXPECT_GT(cache.fixed_bytes(element), 0);
  }
}

TEST_P(RecurrentSession, CopiesGoTheirOwnWays) {
  const std::vector<int32_t> tokens = random_tokens(12);
  Session a(model_, {.context = 24, .runtime = {}});
  a.feed(tokens);
  Session b = a.copy();
  EXPECT_EQ(logits_of(b), logits_of(a));
  const int32_t one = 1, two = 2;
  a.feed({&one, 1});
  b.feed({&two, 1});
  EXPECT_NE(logits_of(a), logits_of(b));
  Session c(model_, {.context = 24, .runtime = {}});
  c.feed(tokens);
  c.feed({&two, 1});
  EXPECT_EQ(logits_of(b), logits_of(c));
}

// A state cannot go back; at the beginning it is empty again, whatever it held.
TEST_P(RecurrentSession, TruncatesToNothingOnly) {
  const std::vector<int32_t> tokens = random_tokens(20);
  Session session(model_, {.context = 20, .runtime = {}});
  session.feed(tokens);
  const std::vector<double> want = logits_of(session);
  try {
    session.truncate(11);
    ADD_FAILURE() << "a state went back";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("recurrent state"), std::string::npos) << e.what();
  }
  EXPECT_EQ(session.length(), 20);
  session.truncate(20);
  EXPECT_EQ(logits_of(session), want);
  session.truncate(0);
  session.feed(tokens);
  EXPECT_EQ(logits_of(session), want);
}

}  // namespace
}  // namespace weft
