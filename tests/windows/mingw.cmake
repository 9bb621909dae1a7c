# For CMake on Debian and Ubuntu: builds with their MinGW-w64, and runs the programs under Wine.
#   cmake -B build/cmake -G Ninja -DCMAKE_TOOLCHAIN_FILE=tests/windows/mingw.cmake
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR sh ${CMAKE_CURRENT_LIST_DIR}/../scripts/wine.sh)
