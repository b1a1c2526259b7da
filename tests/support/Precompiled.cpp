// The translation unit for which Catch2's header is compiled once, for all tests. CatchMain.cpp cannot be it:
// there the header becomes an implementation.
#include <catch2/catch.hpp>
