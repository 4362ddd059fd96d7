// Configurations for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/layout.h"
#include "model/parameter_list.h"

namespace weft::testing {

struct Sizes {
  int64_t layers = 8, heads = 8, dim = 512, ffn = 1792, vocab = 50277;
  int64_t kv_heads = 0;  // 0: as many as heads
  int64_t head_dim = 0;  // 0: dim / heads
};

// The shapes of the published comparisons (arXiv 2410.17897).
inline constexpr Sizes k2M{4, 2, 16, 56};
inline constexpr Sizes k82M{8, 8, 512, 1792};
inline constexpr Sizes k180M{12, 12, 768, 2688};
inline constexpr Sizes k468M{24, 16, 1024, 3584};

inline ModelConfig plain(const Sizes& s) {
  ModelConfig c;
  c.layers = s.layers;
  c.heads = s.heads;
  c.dim = s.dim;
  c.ffn = s.ffn;
  c.vocab = s.vocab;
  c.head_dim = s.head_dim != 0 ? s.head_dim : s.dim / s.heads;
  LayerConfig layer;
  layer.kv_heads = s.kv_heads != 0 ? s.kv_heads : s.heads;
  c.layer.assign(static_cast<size_t>(s.layers), layer);
  return c;
}

using Given = std::map<std::string, Arg>;

inline ModelConfig with(ModelConfig c, std::string_view wiring, const Given& given = {},
                        const Axes& axes = Axes()) {
  c.wiring.push_back(configure_wiring(c, wiring, given, axes.wirings));
  return c;
}

// Cross-layer sharing of keys and values by owner = l - l mod share: a wiring of a linking program.
struct TestSharing {
  template <int share>
  static Wiring make(const ModelConfig& config, const Args&) {
    Wiring w{"test-cla" + std::to_string(share), {}, {}};
    for (int l = 0; l < static_cast<int>(config.layer.size()); ++l) {
      if (l % share == 0) continue;
      for (const Port port : {Port::k, Port::v}) {
        w.mixes.push_back({{port, l}, {{{port, l - l % share}}}, {}});
      }
    }
    return w;
  }
};

inline Axes axes_with_sharing() {
  Axes axes;
  axes.wirings.add({"test-cla2", "", "", {}, TestSharing::make<2>});
  axes.wirings.add({"test-cla3", "", "", {}, TestSharing::make<3>});
  axes.wirings.add({"test-cla4", "", "", {}, TestSharing::make<4>});
  return axes;
}

inline int64_t parameters(const ModelConfig& c, const Axes& axes = Axes()) {
  int64_t n = 0;
  for (const ParameterSpec& p : parameter_list(c, derive_layout(c, axes), axes))
    n += p.shape.numel();
  return n;
}

inline int64_t cache_bytes(const ModelConfig& c, const Axes& axes = Axes(), size_t element = 2) {
  return derive_layout(c, axes).cache.bytes_per_token(c.head_dim, element);
}

// Runs f, which must throw Error(config) whose message contains every part.
template <class F>
void expect_refused(F f, const std::vector<std::string>& parts) {
  try {
    f();
    ADD_FAILURE() << "nothing was refused; wanted an error with " << parts.front();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::config) << e.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos)
          << "no \"" << part << "\" in: " << e.what();
    }
  }
}

}  // namespace weft::testing
