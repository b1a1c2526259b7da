// Counts calls of the global operator new, for tests of "allocates nothing once warm". Include in exactly one
// source file of a test program: it replaces the global allocation functions there.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace sotto::test {

inline size_t allocationCount = 0;

}  // namespace sotto::test

// Not inlined: GCC 12 would see free() next to a new expression and take the pair for a mismatch.
[[gnu::noinline]] void* operator new(size_t size) {
  ++sotto::test::allocationCount;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new[](size_t size) {
  return operator new(size);
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++sotto::test::allocationCount;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void* operator new[](size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
