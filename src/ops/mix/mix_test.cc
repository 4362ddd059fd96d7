#include "ops/mix/mix.h"

#include <cmath>

#include "base/error.h"
#include "ops/mix/mix_tables.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

MixTerm term(std::vector<HeadRef> heads, double scale = 1, int gain = -1) {
  MixTerm t;
  t.heads = std::move(heads);
  t.scale = scale;
  t.gain = gain;
  return t;
}

TEST(Mix, EveryKernel) {
  test::expect_rows(check_mix(Runtime::best()));
}

TEST(Mix, AssignsOnlyTheElementsOfAGainThatItUses) {
  PlanContext context;
  context.runtime = Runtime::best();
  context.batch = 3;
  RunArgs run;
  run.batch = 3;
  MixSpec spec{1, 8, {term({{0, 0}}, 2, 1)}};
  spec.terms[0].gain_element = 1;
  std::vector<Tensor> in, d_out, before(2);
  in.push_back(test::random_tensor({{3, 8}}, DType::f32, "x"));
  in.push_back(test::random_tensor({{4}, test::Role::parameter}, DType::f32, "gain"));
  d_out.push_back(test::random_tensor({{3, 8}}, DType::f32, "dy"));
  before[0] = Tensor(DType::f32, {3, 8});
  before[1] = Tensor(DType::f32, {4});
  const auto r = test::run_op(*make_mix(spec), context, run, in, d_out, before, {});
  EXPECT_EQ(r.fault, "");
  double want = 0;
  for (int i = 0; i < 24; ++i) want += 2 * get(in[0].view(), i) * get(d_out[0].view(), i);
  EXPECT_NEAR(r.d_in[1].as<float>()[1], want, 1e-5 * 24);
  for (const int i : {0, 2, 3}) EXPECT_TRUE(std::isnan(r.d_in[1].as<float>()[i])) << i;
}

TEST(Mix, OneConstantTermIsACopy) {
  PlanContext context;
  context.runtime = Runtime::best();
  std::vector<Tensor> in;
  in.push_back(test::random_tensor({{1, 96}}, DType::bf16, "x"));
  const MixSpec spec{2, 32, {term({{0, 64}, {0, 0}})}};
  const auto r = test::run_op(*make_mix(spec), context, {}, in, {}, {}, {});
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(get(r.out[0].view(), i), get(in[0].view(), 64 + i));
    EXPECT_EQ(get(r.out[0].view(), 32 + i), get(in[0].view(), i));
  }
}

TEST(Mix, JoinsHeadsThatLieSideBySide) {
  const MixTables joined = compile_mix({2, 4, {term({{0, 0}, {0, 4}}), term({{1, 8}, {1, 12}})}});
  EXPECT_EQ(joined.heads, 1);
  EXPECT_EQ(joined.width, 8);
  EXPECT_EQ(compile_mix({2, 4, {term({{0, 4}, {0, 0}})}}).heads, 2) << "swapped";
  EXPECT_EQ(compile_mix({2, 4, {term({{0, 0}, {0, 0}})}}).heads, 2) << "repeated";
  const MixTables overlap = compile_mix({2, 4, {term({{0, 0}, {0, 4}}), term({{0, 4}, {0, 8}})}});
  EXPECT_EQ(overlap.heads, 2) << "overlapping";
}

TEST(Mix, RefusesWhatIsNotAMix) {
  const MixTerm good = term({{0, 0}});
  EXPECT_NO_THROW(make_mix({1, 4, {good}}));
  EXPECT_THROW(make_mix({1, 4, {}}), Error);
  EXPECT_THROW(make_mix({2, 4, {good}}), Error) << "heads";
  EXPECT_THROW(make_mix({1, 4, {term({{0, 2}})}}), Error) << "off the grid";
  EXPECT_THROW(make_mix({1, 4, {term({{1, 0}})}}), Error) << "input 0 unread";
  EXPECT_THROW(make_mix({1, 4, {term({{0, 0}}, 1, 0)}}), Error) << "source and gain";
  EXPECT_THROW(make_mix({1, 4, {term({{0, 0}}, 1.0 / 0.0)}}), Error) << "infinite";
  MixTerm complement = good;
  complement.complement = true;
  EXPECT_THROW(make_mix({1, 4, {complement}}), Error) << "complement of nothing";

  PlanContext context;
  const TensorDesc narrow[] = {{DType::f32, {1, 3}}};
  EXPECT_THROW(make_mix({1, 4, {good}})->plan(narrow, context), Error);
  MixTerm beyond = term({{0, 0}}, 1, 1);
  beyond.gain_element = 2;
  const TensorDesc two[] = {{DType::f32, {1, 4}}, {DType::f32, {2}}};
  EXPECT_THROW(make_mix({1, 4, {beyond}})->plan(two, context), Error);
}

}  // namespace
}  // namespace weft
