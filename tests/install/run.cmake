# Installs BUILD into a scratch prefix, configures the consumer against it, builds and runs it.
set(prefix ${BUILD}/install-test/prefix)
set(consumer ${BUILD}/install-test/build)
file(REMOVE_RECURSE ${BUILD}/install-test)
set(flags "")
if(SANITIZE)
  set(flags "-DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE}")
endif()
foreach(step
    "${CMAKE_COMMAND};--install;${BUILD};--prefix;${prefix}"
    "${CMAKE_COMMAND};-G;${GENERATOR};-S;${SOURCE};-B;${consumer};-DCMAKE_PREFIX_PATH=${prefix};-DCMAKE_CXX_STANDARD=20;${flags}"
    "${CMAKE_COMMAND};--build;${consumer}"
    "${consumer}/consumer"
    "${prefix}/bin/descrambler;info")
  execute_process(COMMAND ${step} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${step}\n${output}")
  endif()
endforeach()
