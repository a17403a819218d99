# Read by CMake right after llama.cpp's project() call (CMAKE_PROJECT_INCLUDE). llama-cpp-python forces
# LLAMA_BUILD_COMMON on in the cache; a normal variable wins over the cache, and that library is half the compile.
set(LLAMA_BUILD_COMMON OFF)
