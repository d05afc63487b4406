# Text files compiled into a program: SQL migrations, Redis scripts, data.
#
#   kabar_embed_migrations(kabar_services_contacts FILES migrations/0001_init.sql ...)
#     In services/contacts: generates "services/contacts/migrations.h" with
#     absl::Span<const kabar::pg::Migration> kabar::contacts::ContactsMigrations();
#     the target needs kabar::pg. Files are numbered 0001, 0002, ... A line `\ir <path>` (as in
#     psql, relative to the file) is replaced by that file.
#   kabar_embed_lua(kabar_services_dispatcher FILES claim.lua ...)
#     In services/dispatcher: generates "services/dispatcher/scripts.h" with
#     absl::string_view kabar::dispatcher::ClaimLua(); for each file; the target needs
#     absl::strings.
#
#   kabar_embed_texts(kabar_services_templates FILES library.txt ...)
#     In services/templates: generates "services/templates/texts.h" with
#     absl::string_view kabar::templates::LibraryText(); for each file, likewise.
#
# The generated code is made when a file changes, not only when CMake runs. Namespace and include
# path follow from the folder, so all of them work in libs/ too.

set(KABAR_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/embed.cmake")

function(kabar_embed target kind output files)
  file(RELATIVE_PATH folder "${CMAKE_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  get_filename_component(part "${folder}" NAME)
  set(stem "${CMAKE_BINARY_DIR}/generated/${folder}/${output}")
  set(paths)
  set(depends "${KABAR_EMBED_SCRIPT}")
  foreach(file ${files})
    get_filename_component(path "${file}" ABSOLUTE)
    list(APPEND paths "${path}")
    list(APPEND depends "${path}")
    if(kind STREQUAL "migrations")
      file(STRINGS "${path}" includes REGEX "^\\\\ir ")
      get_filename_component(directory "${path}" DIRECTORY)
      foreach(include ${includes})
        string(REGEX REPLACE "^\\\\ir +" "" include "${include}")
        list(APPEND depends "${directory}/${include}")
      endforeach()
    endif()
  endforeach()
  add_custom_command(
    OUTPUT "${stem}.h" "${stem}.cc"
    COMMAND "${CMAKE_COMMAND}" "-DKIND=${kind}" "-DPART=${part}"
            "-DHEADER=${folder}/${output}.h" "-DSTEM=${stem}" "-DFILES=${paths}" -P
            "${KABAR_EMBED_SCRIPT}"
    DEPENDS ${depends}
    VERBATIM)
  target_sources(${target} PRIVATE "${stem}.cc" "${stem}.h")
  target_include_directories(${target} PUBLIC "${CMAKE_BINARY_DIR}/generated")
endfunction()

function(kabar_embed_migrations target)
  cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
  kabar_embed(${target} migrations migrations "${ARG_FILES}")
endfunction()

function(kabar_embed_lua target)
  cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
  kabar_embed(${target} lua scripts "${ARG_FILES}")
endfunction()

function(kabar_embed_texts target)
  cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
  kabar_embed(${target} text texts "${ARG_FILES}")
endfunction()
