# Writes a C++ file that holds every file below a folder. Run with -D PAGE=<folder> -D OUTPUT=<file>.
file(GLOB_RECURSE files RELATIVE ${PAGE} ${PAGE}/*)
list(SORT files)

set(types html text/html js text/javascript css text/css svg image/svg+xml png image/png ico image/x-icon
  json application/json wasm application/wasm woff2 font/woff2 txt text/plain
  webmanifest application/manifest+json)

set(blobs "")
set(declarations "")
set(table "")
set(count 0)
foreach(file ${files})
  get_filename_component(extension ${file} LAST_EXT)
  string(REPLACE "." "" extension "${extension}")
  list(FIND types "${extension}" index)
  set(type "application/octet-stream")
  if(NOT index EQUAL -1)
    math(EXPR index "${index} + 1")
    list(GET types ${index} type)
    if(type MATCHES "^text/")
      string(APPEND type "; charset=utf-8")
    endif()
  endif()
  set(path "/${file}")
  if(file STREQUAL "index.html")
    set(path "/")
  endif()
  string(APPEND blobs "asm(\".section .rodata\\nsottoAsset${count}:\\n.incbin \\\"${PAGE}/${file}\\\"\\n\"
    \"sottoAssetEnd${count}:\\n.previous\");\n")
  string(APPEND declarations "extern \"C\" const char sottoAsset${count}[];\n"
    "extern \"C\" const char sottoAssetEnd${count}[];\n")
  string(APPEND table "      {\"${path}\", \"${type}\", between(sottoAsset${count}, sottoAssetEnd${count})},\n")
  math(EXPR count "${count} + 1")
endforeach()

if(count EQUAL 0)
  set(body "  return {};\n")
else()
  set(body "  static const Asset assets[] = {\n${table}  };\n  return assets;\n")
endif()
file(WRITE ${OUTPUT}.new "// Made from ${PAGE} by CMake.
#include \"server/Assets.hpp\"

${blobs}${declarations}
namespace sotto::server {
namespace {
[[maybe_unused]] std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}
}  // namespace

std::span<const Asset> embeddedAssets() {
${body}}

}  // namespace sotto::server
")
file(COPY_FILE ${OUTPUT}.new ${OUTPUT} ONLY_IF_DIFFERENT)
