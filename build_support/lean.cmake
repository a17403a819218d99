# Read by CMake right after llama.cpp's project() call (CMAKE_PROJECT_INCLUDE). llama-cpp-python forces
# LLAMA_BUILD_COMMON on in the cache; a normal variable wins over the cache, and that library is half the compile.
set(LLAMA_BUILD_COMMON OFF)

# Without the matrix tiles of newer Intel processors (AMX): compilers drop the tile's settings, and the first product of
# matrices ends the program (ggml-org/llama.cpp, pull request 26954).
include(CheckCCompilerFlag)
check_c_compiler_flag(-mno-amx-tile MEMLLM_KNOWS_AMX)
if(MEMLLM_KNOWS_AMX)
  add_compile_options(-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
endif()
