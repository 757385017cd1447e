"""The `prox` commands, by what a user is about: a module has its command's name, options, output and exit codes."""
