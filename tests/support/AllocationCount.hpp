// Counts calls of the global operator new, for tests of "allocates nothing once warm". Include in exactly one
// source file of a test program: it replaces the global allocation functions there.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace sotto::test {

inline size_t allocationCount = 0;

}  // namespace sotto::test

void* operator new(size_t size) {
  ++sotto::test::allocationCount;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t size) {
  return operator new(size);
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++sotto::test::allocationCount;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new[](size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
