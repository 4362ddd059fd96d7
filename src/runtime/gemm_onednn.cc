// Gemm by oneDNN.
#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "runtime/gemm.h"
#include "runtime/signal_guard.h"

namespace weft {
namespace {

// The open dimension is cut into as many large pieces as fit, then medium, then small ones; the
// rest, fewer than a small piece, is padded with zeros in scratch. Measured on Zen 5, 2 cores:
// 512 rows reach the rate of the whole product, and 256 where rows of C are whole; 64 reach four
// fifths of it; a sum of 1024 terms is 2% faster than two of 512.
using Pieces = std::array<int64_t, 4>;
constexpr Pieces kRowPieces = {512, 64, 16, 16}, kWholeRowPieces = {256, 64, 16, 16};
constexpr Pieces kSumPieces = {1024, 256, 64, 64};
constexpr int kTail = 3;  // index of the padded piece
// Widest tile of a closed dimension. Rows of C as wide as the whole matrix let oneDNN take its
// fastest code (brgemm; 4096 x 1024 x 384 in bf16: 890 against 760 GFLOP/s), up to a sum that is
// too long for it (1024 x 768 x 2048: 870 against 820 in bf16, but 390 against 440 in f32 with
// plain B).
constexpr int64_t kWhole = 1024, kColumns = 512;
constexpr int64_t longest_sum(const GemmSpec& spec) {
  return spec.in == DType::bf16 || spec.transpose_b ? 2048 : 1024;
}
constexpr int64_t kSumTile = 256;  // tallest tile of C where the open dimension is the summed one

/// While it lives, oneDNN sees one thread: when a primitive is created, which fixes how it splits,
/// and when one runs, because some implementations ask again.
class SingleThreaded {
 public:
  SingleThreaded() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SingleThreaded() { omp_set_num_threads(threads_); }
  SingleThreaded(const SingleThreaded&) = delete;
  SingleThreaded& operator=(const SingleThreaded&) = delete;

 private:
  int threads_;
};

size_t align64(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/// A closed dimension as tiles of equal width (a multiple of 64) and one narrower last tile.
struct Cut {
  int64_t size = 0, tile = 0, count = 0;

  Cut() = default;
  Cut(int64_t total, int64_t widest) : size(total) {
    const int64_t tiles = (total + widest - 1) / widest;
    tile = std::min(total, ((total + tiles - 1) / tiles + 63) / 64 * 64);
    count = (total + tile - 1) / tile;
  }
  int64_t width(int64_t i) const { return std::min(tile, size - i * tile); }
  int kind(int64_t i) const { return width(i) == tile ? 0 : 1; }
  int64_t width_of_kind(int kind) const { return kind == 0 ? tile : size - (count - 1) * tile; }
  bool has_kind(int kind) const { return kind == 0 || size % tile != 0; }
};

/// A piece of the open dimension: where it starts, how many rows, which of kOpenPieces runs it.
struct Piece {
  int64_t start, rows;
  int kind;
};

int64_t count_pieces(const Pieces& sizes, int64_t rows) {
  int64_t count = 0;
  for (int kind = 0; kind < kTail; ++kind) {
    const int64_t size = sizes[static_cast<size_t>(kind)];
    count += rows / size;
    rows %= size;
  }
  return count + (rows != 0 ? 1 : 0);
}

Piece piece(const Pieces& sizes, int64_t rows, int64_t index) {
  int64_t start = 0;
  for (int kind = 0; kind < kTail; ++kind) {
    const int64_t size = sizes[static_cast<size_t>(kind)];
    const int64_t fit = (rows - start) / size;
    if (index < fit) return {start + index * size, size, kind};
    start += fit * size;
    index -= fit;
  }
  return {start, rows - start, kTail};
}

/// A stored matrix: element (i, j) of A or B lies at stride_i * i + stride_j * j.
struct Operand {
  dnnl::memory::data_type type;
  int64_t stride_i, stride_j;

  dnnl::memory::desc desc(int64_t rows, int64_t columns) const {
    return {{rows, columns}, type, {stride_i, stride_j}};
  }
};

dnnl::memory::data_type dnnl_type(DType t) {
  return t == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                      const dnnl::memory::desc& b, const dnnl::memory::desc& c,
                                      bool add) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (add) {
    dnnl::post_ops ops;
    ops.append_sum(1.0F);
    attr.set_post_ops(ops);
  }
#if DNNL_VERSION_MAJOR >= 3
  return {engine, a, b, c, attr};
#else
  return {dnnl::matmul::desc(a, b, c), attr, engine};
#endif
}

/// Copies rows x columns to a dense padded_rows x padded_columns block, zeros in the padding.
template <class From, class To>
void stage(const void* from, int64_t ld, int64_t rows, int64_t columns, void* to,
           int64_t padded_rows, int64_t padded_columns) {
  const From* src = static_cast<const From*>(from);
  To* dst = static_cast<To*>(to);
  for (int64_t i = 0; i < padded_rows; ++i, src += ld, dst += padded_columns) {
    const int64_t n = i < rows ? columns : 0;
    for (int64_t j = 0; j < n; ++j) {
      if constexpr (std::is_same_v<From, To>) {
        dst[j] = src[j];
      } else {
        dst[j] = static_cast<To>(src[j]);
      }
    }
    std::fill(dst + n, dst + padded_columns, To{});
  }
}

/// Writes a dense f32 block [rows, columns] to C, adding in f32 and rounding once.
template <class T>
void unstage(const float* from, int64_t rows, int64_t columns, void* to, int64_t ld, bool add) {
  T* dst = static_cast<T*>(to);
  for (int64_t i = 0; i < rows; ++i, from += columns, dst += ld) {
    for (int64_t j = 0; j < columns; ++j) {
      dst[j] = T(add ? static_cast<float>(dst[j]) + from[j] : from[j]);
    }
  }
}

/// What a primitive computes, by plain code: for the moment in which oneDNN has no memory for its
/// copies of the operands.
template <class In, class Out>
void plain_product(const void* a, Operand at_a, const void* b, Operand at_b, void* c, Operand at_c,
                   int64_t m, int64_t n, int64_t k, bool add) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      Out& out = static_cast<Out*>(c)[i * at_c.stride_i + j * at_c.stride_j];
      float sum = add ? static_cast<float>(out) : 0;
      for (int64_t l = 0; l < k; ++l) {
        const In x = static_cast<const In*>(a)[i * at_a.stride_i + l * at_a.stride_j];
        const In y = static_cast<const In*>(b)[l * at_b.stride_i + j * at_b.stride_j];
        sum += static_cast<float>(x) * static_cast<float>(y);
      }
      out = Out(sum);
    }
  }
}

/// oneDNN does not look whether the system gave it memory where it makes its code, and would fall
/// over; it takes some 6 MiB for it.
void expect_room_for_code() {
  constexpr size_t kMiB = 1 << 20, kRoom = 16;
  try {
    const Buffer room(kRoom * kMiB);
  } catch (const Error&) {
    fail(ErrorCode::runtime,
         {"memory", std::to_string(kRoom) + " MiB for the code of oneDNN", "less from the system",
          "raise the limit (ulimit -v), or use a smaller model"});
  }
}

}  // namespace

struct Gemm::Impl {
  /// One primitive and, per thread, the memory objects that are pointed at a tile before it runs.
  struct Tile {
    dnnl::matmul primitive;
    Operand a{}, b{}, c{};
    bool adds = false;            // to what C holds
    int64_t m = 0, n = 0, k = 0;  // as planned, padding included
    bool stage_a = false, stage_b = false, stage_c = false;
    struct Arguments {
      dnnl::memory a, b, c, scratchpad;
    };
    std::vector<Arguments> arguments;  // [threads]
  };
  /// The part of C and of the sum that one primitive call covers.
  struct Block {
    int64_t m0, n0, k0, m, n, k;
  };

  GemmSpec spec;
  Runtime runtime;
  bool widen;  // bf16 operands go through f32
  std::string name;
  Cut columns, heights;  // of n, and of m where k is open
  Pieces pieces{};       // of the open dimension
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  std::vector<dnnl::stream> streams;  // [threads]
  // [open kind][height kind][column kind][add]
  std::array<std::array<std::array<std::array<Tile, 2>, 2>, 2>, 4> tiles;
  const Tile* lazy = nullptr;  // the least of those whose code is made with the first product
  size_t a_bytes = 0, b_bytes = 0, c_bytes = 0, pad_bytes = 0;  // scratch of one thread

  Impl(const GemmSpec& s, const Runtime& r)
      : spec(s.checked()), runtime(r), widen(s.widen && s.in == DType::bf16) {}

  size_t thread_bytes() const { return a_bytes + b_bytes + c_bytes + pad_bytes; }

  void plan();
  void plan_tile(Tile& tile, bool tail, bool add);
  void rehearse();
  dnnl_status_t execute(const Tile& tile, void* a, void* b, void* c, int thread,
                        void* pad) const noexcept;
  void multiply(const Tile& tile, void* a, void* b, void* c, int thread, void* pad) const noexcept;
  void run_block(const Tile& tile, const Block& block, const void* a, const void* b, void* c,
                 bool add, int thread, std::byte* scratch) const noexcept;
  void run_m(const void* a, const void* b, void* c, int64_t rows, bool add,
             std::byte* scratch) const noexcept;
  void run_k(const void* a, const void* b, void* c, int64_t rows, bool add,
             std::byte* scratch) const noexcept;
};

void Gemm::Impl::plan_tile(Tile& tile, bool tail, bool add) {
  const bool m_open = spec.open == OpenDim::m;
  // One row of a transposed A, or one column of a plain B, has a stride that means nothing;
  // oneDNN 3.7 takes it for the other one. Dense copies read the same either way.
  const bool lone_row = spec.transpose_a && tile.m == 1 && spec.lda != 1;
  const bool lone_column = !spec.transpose_b && tile.n == 1 && spec.ldb != 1;
  tile.stage_a = widen || tail || lone_row;
  tile.stage_b = widen || (tail && !m_open) || lone_column;
  tile.stage_c = (tail && m_open) || (widen && spec.out != DType::f32);
  const auto in = dnnl_type(widen ? DType::f32 : spec.in);
  const int64_t lda = !tile.stage_a ? spec.lda : spec.transpose_a ? tile.m : tile.k;
  const int64_t ldb = !tile.stage_b ? spec.ldb : spec.transpose_b ? tile.k : tile.n;
  const int64_t ldc = tile.stage_c ? tile.n : spec.ldc;
  const Operand a{in, spec.transpose_a ? 1 : lda, spec.transpose_a ? lda : 1};
  const Operand b{in, spec.transpose_b ? 1 : ldb, spec.transpose_b ? ldb : 1};
  const Operand c{dnnl_type(tile.stage_c ? DType::f32 : spec.out), ldc, 1};
  const auto a_desc = a.desc(tile.m, tile.k), b_desc = b.desc(tile.k, tile.n),
             c_desc = c.desc(tile.m, tile.n);
  // A staged C is added by unstage().
  const auto description = describe(engine, a_desc, b_desc, c_desc, add && !tile.stage_c);
  tile.primitive = dnnl::matmul(description);
  tile.a = a, tile.b = b, tile.c = c;
  tile.adds = add && !tile.stage_c;
  for (int i = 0; i < runtime.threads; ++i) {
    tile.arguments.push_back({dnnl::memory(a_desc, engine, nullptr),
                              dnnl::memory(b_desc, engine, nullptr),
                              dnnl::memory(c_desc, engine, nullptr),
                              dnnl::memory(description.scratchpad_desc(), engine, nullptr)});
  }
  const size_t element = size_of(widen ? DType::f32 : spec.in);
  const auto bytes = [](int64_t x, int64_t y, size_t size) {
    return align64(static_cast<size_t>(x * y) * size);
  };
  if (tile.stage_a) a_bytes = std::max(a_bytes, bytes(tile.m, tile.k, element));
  if (tile.stage_b) b_bytes = std::max(b_bytes, bytes(tile.k, tile.n, element));
  if (tile.stage_c) c_bytes = std::max(c_bytes, bytes(tile.m, tile.n, sizeof(float)));
  pad_bytes = std::max(pad_bytes, align64(description.scratchpad_desc().get_size()));
  // The implementations of other names have their code when they are created.
  const auto work = [](const Tile& t) { return t.m * t.n * t.k; };
  const std::string made_by = description.impl_info_str();
  if (made_by.find("gemm") != std::string::npos && (lazy == nullptr || work(tile) < work(*lazy))) {
    lazy = &tile;
  }
  if (name.empty()) name = made_by + (widen ? "+f32" : "");
}

void Gemm::Impl::plan() {
  const SingleThreaded guard;
  const bool m_open = spec.open == OpenDim::m;
  tiles = {};
  lazy = nullptr;
  const bool whole = m_open && spec.n <= kWhole && spec.k <= longest_sum(spec);
  columns = Cut(spec.n, whole ? kWhole : kColumns);
  pieces = !m_open ? kSumPieces : whole ? kWholeRowPieces : kRowPieces;
  // At least two heights: work for two threads, and oneDNN 2.6 is half as fast on one whole dense
  // transposed A (measured: 202 against 416 GFLOP/s).
  heights = m_open ? Cut(1, 1) : Cut(spec.m, std::min(kSumTile, (spec.m + 1) / 2));
  const int64_t most = m_open ? spec.m : spec.k;
  for (int open = 0; open < 4; ++open) {
    const int64_t size = pieces[static_cast<size_t>(open)];
    if (open != kTail && size > most) continue;
    for (int height = 0; height < 2; ++height) {
      for (int column = 0; column < 2; ++column) {
        if (!heights.has_kind(height) || !columns.has_kind(column)) continue;
        for (int add = 0; add < 2; ++add) {
          Tile& tile = tiles[static_cast<size_t>(open)][static_cast<size_t>(height)]
                            [static_cast<size_t>(column)][static_cast<size_t>(add)];
          tile.m = m_open ? size : heights.width_of_kind(height);
          tile.n = columns.width_of_kind(column);
          tile.k = m_open ? spec.k : size;
          plan_tile(tile, open == kTail, add != 0);
        }
      }
    }
  }
  streams.clear();
  for (int i = 0; i < runtime.threads; ++i) streams.emplace_back(engine);
}

// oneDNN makes a part of its code with the first product of a type in the process, without looking
// whether there is memory for it: this one is made while planning, where that can be said.
void Gemm::Impl::rehearse() {
  if (lazy == nullptr) return;
  static std::atomic<bool> made[2] = {};  // of the process, as oneDNN's own code: [f32, bf16]
  std::atomic<bool>& ready = made[!widen && spec.in == DType::bf16 ? 1 : 0];
  if (ready.load()) return;
  expect_room_for_code();
  const Tile& tile = *lazy;
  const size_t size = size_of(widen ? DType::f32 : spec.in);
  const auto elements = [](const Operand& o, int64_t height, int64_t width) {
    return static_cast<size_t>((height - 1) * o.stride_i + (width - 1) * o.stride_j + 1);
  };
  const Buffer a(elements(tile.a, tile.m, tile.k) * size),
      b(elements(tile.b, tile.k, tile.n) * size);
  const Buffer c(elements(tile.c, tile.m, tile.n) * sizeof(float)), pad(pad_bytes);
  dnnl_status_t status = dnnl_success;
  parallel_for(runtime, 1, [&](int64_t, int thread) {  // a task like all products
    const SingleThreaded guard;
    status = execute(tile, a.data(), b.data(), c.data(), thread, pad.data());
  });
  if (status != dnnl_success) throw dnnl::error(status, "could not execute a primitive");
  ready.store(true);
}

dnnl_status_t Gemm::Impl::execute(const Tile& tile, void* a, void* b, void* c, int thread,
                                  void* pad) const noexcept {
  const Tile::Arguments& memory = tile.arguments[static_cast<size_t>(thread)];
  dnnl_memory_set_data_handle(memory.a.get(), a);
  dnnl_memory_set_data_handle(memory.b.get(), b);
  dnnl_memory_set_data_handle(memory.c.get(), c);
  dnnl_memory_set_data_handle(memory.scratchpad.get(), pad);
  const std::array<dnnl_exec_arg_t, 4> arguments = {
      {{DNNL_ARG_SRC, memory.a.get()},
       {DNNL_ARG_WEIGHTS, memory.b.get()},
       {DNNL_ARG_DST, memory.c.get()},
       {DNNL_ARG_SCRATCHPAD, memory.scratchpad.get()}}};
  const SignalGuard guard;  // the stack pointer leaves the stack; every caller holds one already
  try {
    // The C call: the C++ one builds a map, which allocates.
    return dnnl_primitive_execute(tile.primitive.get(), streams[static_cast<size_t>(thread)].get(),
                                  static_cast<int>(arguments.size()), arguments.data());
  } catch (...) {
    return dnnl_out_of_memory;  // it lets std::bad_alloc through
  }
}

void Gemm::Impl::multiply(const Tile& tile, void* a, void* b, void* c, int thread,
                          void* pad) const noexcept {
  if (execute(tile, a, b, c, thread, pad) == dnnl_success) return;
  const bool f32_in = widen || spec.in == DType::f32,
             f32_out = tile.stage_c || spec.out == DType::f32;
  const auto plain = f32_in ? (f32_out ? plain_product<float, float> : plain_product<float, bf16>)
                            : (f32_out ? plain_product<bf16, float> : plain_product<bf16, bf16>);
  plain(a, tile.a, b, tile.b, c, tile.c, tile.m, tile.n, tile.k, tile.adds);
}

void Gemm::Impl::run_block(const Tile& tile, const Block& block, const void* a, const void* b,
                           void* c, bool add, int thread, std::byte* scratch) const noexcept {
  const SingleThreaded single;
  std::byte* mine = scratch + static_cast<size_t>(thread) * thread_bytes();
  const auto at = [](const void* base, int64_t row, int64_t column, int64_t ld, DType type) {
    return static_cast<std::byte*>(const_cast<void*>(base)) +
           (row * ld + column) * static_cast<int64_t>(size_of(type));
  };
  const auto staged = [&](const void* from, int64_t ld, int64_t rows, int64_t cols, std::byte* to,
                          int64_t padded_rows, int64_t padded_cols) {
    if (spec.in == DType::f32) {
      stage<float, float>(from, ld, rows, cols, to, padded_rows, padded_cols);
    } else if (widen) {
      stage<bf16, float>(from, ld, rows, cols, to, padded_rows, padded_cols);
    } else {
      stage<bf16, bf16>(from, ld, rows, cols, to, padded_rows, padded_cols);
    }
    return to;
  };
  std::byte* pa = spec.transpose_a ? at(a, block.k0, block.m0, spec.lda, spec.in)
                                   : at(a, block.m0, block.k0, spec.lda, spec.in);
  if (tile.stage_a) {
    pa = spec.transpose_a ? staged(pa, spec.lda, block.k, block.m, mine, tile.k, tile.m)
                          : staged(pa, spec.lda, block.m, block.k, mine, tile.m, tile.k);
  }
  std::byte* pb = spec.transpose_b ? at(b, block.n0, block.k0, spec.ldb, spec.in)
                                   : at(b, block.k0, block.n0, spec.ldb, spec.in);
  if (tile.stage_b) {
    std::byte* to = mine + a_bytes;
    pb = spec.transpose_b ? staged(pb, spec.ldb, block.n, block.k, to, tile.n, tile.k)
                          : staged(pb, spec.ldb, block.k, block.n, to, tile.k, tile.n);
  }
  std::byte* const pc = at(c, block.m0, block.n0, spec.ldc, spec.out);
  std::byte* const target = tile.stage_c ? mine + a_bytes + b_bytes : pc;

  multiply(tile, pa, pb, target, thread, mine + a_bytes + b_bytes + c_bytes);
  if (!tile.stage_c) return;
  const float* result = reinterpret_cast<const float*>(target);
  if (spec.out == DType::f32) {
    unstage<float>(result, block.m, block.n, pc, spec.ldc, add);
  } else {
    unstage<bf16>(result, block.m, block.n, pc, spec.ldc, add);
  }
}

void Gemm::Impl::run_m(const void* a, const void* b, void* c, int64_t rows, bool add,
                       std::byte* scratch) const noexcept {
  const int64_t tasks = count_pieces(pieces, rows) * columns.count;
  parallel_for(runtime, tasks, [&](int64_t task, int thread) {
    const Piece p = piece(pieces, rows, task / columns.count);
    const int64_t j = task % columns.count;
    const Tile& tile =
        tiles[static_cast<size_t>(p.kind)][0][static_cast<size_t>(columns.kind(j))][add ? 1 : 0];
    run_block(tile, {p.start, j * columns.tile, 0, p.rows, columns.width(j), spec.k}, a, b, c, add,
              thread, scratch);
  });
}

void Gemm::Impl::run_k(const void* a, const void* b, void* c, int64_t rows, bool add,
                       std::byte* scratch) const noexcept {
  const int64_t count = count_pieces(pieces, rows);
  parallel_for(runtime, heights.count * columns.count, [&](int64_t task, int thread) {
    const int64_t i = task / columns.count, j = task % columns.count;
    for (int64_t n = 0; n < count; ++n) {
      const Piece p = piece(pieces, rows, n);
      const bool sum = add || n > 0;
      const Tile& tile = tiles[static_cast<size_t>(p.kind)][static_cast<size_t>(heights.kind(i))]
                              [static_cast<size_t>(columns.kind(j))][sum ? 1 : 0];
      run_block(
          tile,
          {i * heights.tile, j * columns.tile, p.start, heights.width(i), columns.width(j), p.rows},
          a, b, c, sum, thread, scratch);
    }
  });
}

Gemm::Gemm(const GemmSpec& spec, const Runtime& runtime)
    : impl_(std::make_unique<Impl>(spec, runtime)) {
  expect_room_for_code();
  try {
    try {
      impl_->plan();
    } catch (const dnnl::error& e) {
      if (e.status != dnnl_unimplemented || spec.in != DType::bf16 || impl_->widen) throw;
      impl_->widen = true;
      impl_->name.clear();
      impl_->plan();
    }
    impl_->rehearse();
  } catch (const dnnl::error& e) {
    if (e.status == dnnl_out_of_memory) {
      fail(ErrorCode::runtime, {"memory", "enough for oneDNN's matrix products", e.what(),
                                "use a smaller model, batch or context"});
    }
    fail(ErrorCode::runtime, {"gemm", "a oneDNN matmul primitive", e.what(), ""});
  }
}

Gemm::~Gemm() = default;
Gemm::Gemm(Gemm&&) noexcept = default;
Gemm& Gemm::operator=(Gemm&&) noexcept = default;

size_t Gemm::scratch_bytes() const {
  return impl_->thread_bytes() * static_cast<size_t>(impl_->runtime.threads);
}

const std::string& Gemm::implementation() const {
  return impl_->name;
}

void limit_products(Isa isa) {
  const auto most = isa == Isa::avx512 ? dnnl::cpu_isa::avx512_core
                    : isa == Isa::avx2 ? dnnl::cpu_isa::avx2
                                       : dnnl::cpu_isa::sse41;
  if (dnnl::set_max_cpu_isa(most) == dnnl::status::success) return;
  fail(ErrorCode::runtime,
       {"gemm", "an instruction set before the first product", std::string(name_of(isa)), ""});
}

void Gemm::run(const void* a, const void* b, void* c, int64_t rows, bool add,
               void* scratch) const noexcept {
  auto* bytes = static_cast<std::byte*>(scratch);
  if (impl_->spec.open == OpenDim::m) {
    impl_->run_m(a, b, c, rows, add, bytes);
  } else if (rows > 0) {
    impl_->run_k(a, b, c, rows, add, bytes);
  } else if (!add) {
    impl_->spec.clear(static_cast<float*>(c));
  }
}

}  // namespace weft
