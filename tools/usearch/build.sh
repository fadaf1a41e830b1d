#!/bin/sh
# Compiles usearch's own headers (npm package `usearch`, a devDependency) to WebAssembly with Debian 12's emscripten:
#   apt-get install --no-install-recommends emscripten node-acorn patch
# The same versions give the same bytes; their sha256 stands in usearch.sha256 and is checked by `npm test`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
usearch="$root/node_modules/usearch"
out="$root/src/retrieval/usearch/usearch.wasm"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/wrapper.cpp" "$work/"
cd "$work"
cp -r "$usearch/include" include
ln -s "$usearch/c" c
patch -p1 -d include < "$here/touch.patch"
em++ wrapper.cpp -I include -I c -o usearch.wasm \
  -std=c++17 -O3 -msimd128 -DNDEBUG -DUSEARCH_USE_NUMKONG=0 -DUSEARCH_USE_OPENMP=0 \
  -fno-exceptions -fno-rtti -fvisibility=hidden -ffile-prefix-map="$work"=. \
  --no-entry -sSTANDALONE_WASM=1 -sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=4GB -sINITIAL_MEMORY=1MB \
  -sTOTAL_STACK=262144 -sFILESYSTEM=0 -sERROR_ON_UNDEFINED_SYMBOLS=1
cp usearch.wasm "$out"
cd "$(dirname "$out")"
sha256sum usearch.wasm > "$here/usearch.sha256"
cat "$here/usearch.sha256"
wc -c usearch.wasm
