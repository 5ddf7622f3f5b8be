# Writes the commit that --version names: cmake -D SOURCE=FOLDER -D OUT=FILE [-D COMMIT=TEXT] -P app/version.cmake
# It is what COMMIT says; else what etc/commit says, which `git archive` fills in; else what git says, if SOURCE is
# the top of a work tree, with ", changed" behind it if a file of it differs; else "unknown". Nothing of it fails a
# build. OUT is written when that changes something.
cmake_minimum_required(VERSION 3.25)

set(commit "${COMMIT}")
if(commit STREQUAL "" AND EXISTS ${SOURCE}/etc/commit)
  file(STRINGS ${SOURCE}/etc/commit written LIMIT_COUNT 1)
  if(written MATCHES "^[0-9a-f]+$")
    set(commit ${written})
  endif()
endif()
if(commit MATCHES "^[0-9a-f]+$")
  string(SUBSTRING ${commit} 0 12 commit)
endif()

find_program(GIT git)
if(commit STREQUAL "" AND GIT)
  # An unpacked archive may lie in somebody else's work tree: the way up from the top is empty.
  execute_process(COMMAND ${GIT} rev-parse --show-cdup HEAD WORKING_DIRECTORY ${SOURCE}
    RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_QUIET)
  if(NOT failed AND said MATCHES "^\n([0-9a-f]+)\n$")
    string(SUBSTRING ${CMAKE_MATCH_1} 0 12 commit)
    execute_process(COMMAND ${GIT} --no-optional-locks status --porcelain --untracked-files=no
      WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE differs ERROR_QUIET)
    if(NOT differs STREQUAL "")
      string(APPEND commit ", changed")
    endif()
  endif()
endif()
if(commit STREQUAL "")
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define CHRONOKNOCK_COMMIT \"${commit}\"\n" @ONLY)
