#include "ops/test_support/guarded.h"

#include <algorithm>
#include <cstring>

namespace weft::test {
namespace {

constexpr size_t kGuard = 64;
constexpr uint8_t kCanary = 0xa5;
constexpr uint8_t kPoison = 0xff;  // what weft::poison writes

bool all(const uint8_t* p, size_t n, uint8_t value) {
  return std::all_of(p, p + n, [value](uint8_t b) { return b == value; });
}

}  // namespace

Guarded::Guarded(TensorDesc desc, int64_t offset)
    : desc_(desc),
      base_(kGuard + static_cast<size_t>(offset) * size_of(desc.dtype)),
      block_(base_ + desc.bytes() + kGuard) {
  std::memset(block_.data(), kCanary, block_.size());
  poison(data(), desc_.bytes());
}

Guarded::Guarded(const Tensor& t, int64_t offset) : Guarded(t.desc(), offset) {
  if (t.desc().bytes() > 0) std::memcpy(data(), t.data(), t.desc().bytes());
}

void* Guarded::data() const {
  return static_cast<uint8_t*>(block_.data()) + base_;
}

size_t Guarded::row_bytes() const {
  const int64_t rows = desc_.shape.rank() == 0 ? 1 : desc_.shape[0];
  return rows == 0 ? 0 : desc_.bytes() / static_cast<size_t>(rows);
}

Tensor Guarded::copy(int64_t rows) const {
  TensorDesc desc = desc_;
  if (rows >= 0) desc.shape[0] = rows;
  Tensor t(desc);
  if (desc.bytes() > 0) std::memcpy(t.data(), data(), desc.bytes());
  return t;
}

void Guarded::poison_from(int64_t row) {
  const size_t skip = row_bytes() * static_cast<size_t>(row);
  poison(static_cast<uint8_t*>(data()) + skip, desc_.bytes() - skip);
}

bool Guarded::poisoned_from(int64_t row) const {
  const size_t skip = row_bytes() * static_cast<size_t>(row);
  return all(static_cast<uint8_t*>(data()) + skip, desc_.bytes() - skip, kPoison);
}

bool Guarded::intact() const {
  const auto* p = static_cast<const uint8_t*>(block_.data());
  return all(p, base_, kCanary) && all(p + base_ + desc_.bytes(), kGuard, kCanary);
}

}  // namespace weft::test
