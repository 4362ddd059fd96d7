// Aligned memory with an owner.
#pragma once

#include <cstddef>

namespace weft {

/// A block of zeroed, 64-byte aligned memory. Pages are touched only when used (it comes from mmap
/// when large), so a planned but unused part costs no resident memory. Throws Error(runtime) where
/// the memory cannot be had.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

/// Fills memory with a bit pattern that is NaN in f64, f32 and bf16, so that whatever reads before
/// anything was written shows it.
void poison(void* data, size_t bytes);

}  // namespace weft
