# The manual page and the completions of shells, which the program writes itself from the declarations
# of its verbs: made when it is installed, put where man, bash, zsh and fish look for them.

function(weft_shell_files)
  if(CMAKE_CROSSCOMPILING)
    return()  # the program does not run here
  endif()
  set(made "${PROJECT_BINARY_DIR}/shell")
  set(share "${CMAKE_INSTALL_DATAROOTDIR}")
  install(CODE "
    file(MAKE_DIRECTORY \"${made}\")
    foreach(file \"weft.1:help;--man\" \"weft:completion;bash\" \"_weft:completion;zsh\"
                 \"weft.fish:completion;fish\")
      string(REPLACE \":\" \";\" words \"\${file}\")
      list(POP_FRONT words name)
      execute_process(COMMAND \"$<TARGET_FILE:weft_exe>\" \${words}
                      OUTPUT_FILE \"${made}/\${name}\" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()")
  install(FILES "${made}/weft.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
  install(FILES "${made}/weft" DESTINATION "${share}/bash-completion/completions")
  install(FILES "${made}/_weft" DESTINATION "${share}/zsh/site-functions")
  install(FILES "${made}/weft.fish" DESTINATION "${share}/fish/vendor_completions.d")
endfunction()
