#include "ops/kernel.h"

#include <gtest/gtest.h>

#include <set>

namespace weft {
namespace {

const KernelTag kTags[] = {{"avx512", Isa::avx512, {DType::bf16}},
                           {"avx2", Isa::avx2, {DType::f32, DType::bf16}},
                           {"generic", Isa::generic, {DType::f32}},
                           {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}};

std::string text(const Runtime& runtime) {
  std::string out;
  for (const KernelChoice& k : list_kernels(kTags, runtime)) {
    out += std::string(k.kernel) + " " + std::string(name_of(k.dtype)) + " " +
           (k.chosen ? "chosen" : k.refused) + "\n";
  }
  return out;
}

TEST(ListKernels, TheFirstThatRunsIsChosenForEachType) {
  EXPECT_EQ(text({.isa = Isa::avx2}),
            "avx512 bf16 needs avx512\n"
            "avx2 f32 chosen\n"
            "avx2 bf16 chosen\n"
            "generic f32 \n"
            "ref f64 chosen\n"
            "ref f32 \n"
            "ref bf16 \n");
}

TEST(ListKernels, AsksForOneByItsName) {
  EXPECT_EQ(text({.isa = Isa::avx512, .kernel = "generic"}),
            "avx512 bf16 not the one asked for (generic)\n"
            "avx2 f32 not the one asked for (generic)\n"
            "avx2 bf16 not the one asked for (generic)\n"
            "generic f32 chosen\n"
            "ref f64 chosen\n"
            "ref f32 \n"
            "ref bf16 chosen\n");
}

// Every op offers each activation type exactly one chosen kernel, and a reference behind all.
TEST(OpRegistry, EveryOpListsItsKernels) {
  for (const Isa isa : {Isa::generic, best_isa()}) {
    for (const OpInfo& op : op_registry()) {
      std::multiset<DType> chosen;
      const std::vector<KernelTag> tags = op.kernels();
      for (const KernelChoice& k : list_kernels(tags, {.isa = isa})) {
        if (k.chosen) chosen.insert(k.dtype);
      }
      EXPECT_EQ(chosen, (std::multiset<DType>{DType::f64, DType::f32, DType::bf16})) << op.name;
      EXPECT_EQ(tags.back().name, "ref") << op.name;
    }
  }
}

}  // namespace
}  // namespace weft
